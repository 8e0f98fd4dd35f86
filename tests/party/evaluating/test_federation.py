"""A split in memory: codes, truth, owners, and the catalogue that a run would have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from feddmf.catalogue.table import parse_catalogue
from feddmf.errors import InputError
from feddmf_party.datasets import Dataset, Pairs, write_federation
from feddmf_party.datasets.split import Split, split
from feddmf_party.evaluating.federation import Federation


def make_split(dataset: Dataset, parties: int = 2, **options: object) -> Split:
    """Return a split of `dataset` between a, b, ..."""
    names = tuple("abcdefgh"[:parties])
    return split(dataset.users, dataset.items, dataset.pairs, seed=0, parties=names, **options)


def test_tables_and_truth_are_those_of_the_split(tastes: Dataset) -> None:
    """Each pair of the split is where its party, user and item are, as known or as truth."""
    dealt = make_split(tastes, validation=0.3)
    federation = Federation.of(dealt, tastes.item_labels)
    for party, side in dealt.parties.items():
        company = federation.companies[party]
        assert company.users.tolist() == np.unique(side.train.users).tolist()
        known = np.zeros((company.data.users, company.data.items), dtype=np.bool_)
        known[company.data.rows(), company.data.indices] = True
        np.testing.assert_array_equal(known, side.train.dense(company.users, company.keys))
        np.testing.assert_array_equal(company.truth, side.truth.dense(company.users, company.asked))
        np.testing.assert_array_equal(
            company.validation_truth, side.validation_truth.dense(company.users, company.validation)
        )
        own = np.isin(company.keys, company.own)
        np.testing.assert_array_equal(company.own_truth, known[:, own])
        np.testing.assert_array_equal(company.counts(company.own), known[:, own].sum(axis=0))


def test_the_catalogue_is_that_of_the_files(tastes: Dataset, tmp_path: Path) -> None:
    """A run in memory draws its probes as one on the written federation would: the digests agree."""
    dealt = make_split(tastes, 3, sharing="subsets")
    written = write_federation(tastes, dealt, tmp_path)
    parsed = parse_catalogue(written.catalogue.read_text(), version=1, where="catalogue.csv")
    assert Federation.of(dealt, tastes.item_labels).catalogue.digest() == parsed.digest()


def test_what_is_pooled_has_one_place_for_each_user_and_item(tastes: Dataset) -> None:
    """Users stand party by party, items by key; the pooled pairs are all that parties know."""
    dealt = make_split(tastes, 3)
    federation = Federation.of(dealt, tastes.item_labels)
    names = np.concatenate([company.users for company in federation.companies.values()])
    users, items, values = federation.pooled_pairs()
    found = set(zip(names[users].tolist(), federation.items[items].tolist(), strict=True))
    trains = [side.train for side in dealt.parties.values()]
    expected = {pair for t in trains for pair in zip(t.users.tolist(), t.items.tolist(), strict=True)}
    assert found == expected
    assert federation.users == len(names) == 60
    assert values.tolist() == [1.0] * len(expected)


def test_asked_items_go_by_their_owners(tastes: Dataset) -> None:
    """Every asked item has the owners that sell it; each publishes what somebody lacks."""
    federation = Federation.of(make_split(tastes, 3, sharing="subsets"), tastes.item_labels)
    company = federation.companies["b"]
    places = federation.by_owner(company.asked)
    assert set(places) == {"a", "c"}
    for owner, each in places.items():
        sold = federation.companies[owner]
        assert company.asked[each].tolist() == [key for key in company.asked if key in sold.keys]
        assert set(company.asked[each]) <= set(sold.askable)
    both = [key for key in company.asked.tolist() if federation.owners[key] == ("a", "c")]
    assert 0 < len(both) < len(company.asked)
    for party, each in federation.companies.items():
        lacked = [key for key in each.keys.tolist() if len(federation.owners[key]) < 3]
        assert each.askable.tolist() == lacked
        assert each.askable.tolist() == list(federation.catalogue.view(party).askable(federation.parties))


def test_users_with_nothing_at_home_are_left_out(tastes: Dataset) -> None:
    """A party cannot know them, so they are not measured; a party that knows nobody is an error."""
    dealt = make_split(tastes)
    side = dealt.parties["a"]
    stranger = side.users[0]
    less = replace(side, train=side.train.where(side.train.users != stranger))
    federation = Federation.of(
        replace(dealt, parties=MappingProxyType(dict(dealt.parties) | {"a": less})), tastes.item_labels
    )
    assert stranger not in federation.companies["a"].users
    assert len(federation.companies["a"].truth) == len(side.users) - 1
    nothing = Pairs(side.train.users[:0], side.train.items[:0], side.train.values[:0])
    empty = MappingProxyType(dict(dealt.parties) | {"a": replace(side, train=nothing)})
    with pytest.raises(InputError, match="no user of a has an item that a sells"):
        Federation.of(replace(dealt, parties=empty), tastes.item_labels)


def test_too_many_cells_are_refused(tastes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What memory would not hold is said before anything is trained."""
    monkeypatch.setattr("feddmf_party.evaluating.federation._MOST_CELLS", 100)
    with pytest.raises(InputError, match="over 100"):
        Federation.of(make_split(tastes), tastes.item_labels)
