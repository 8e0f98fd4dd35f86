"""The set-up of parties without common users."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import InputError
from feddmf.evaluation import evaluate, popularity, popularity_x_activity
from feddmf_party.datasets import Dataset, Pairs, PartySplit
from feddmf_party.datasets.split import split

USERS = np.array([f"u{number}" for number in range(10)])
ITEMS = np.array([f"i{number:02}" for number in range(20)])
FULL = Pairs.merge(*map(np.array, zip(*product(USERS, ITEMS), strict=True)), np.arange(200.0))


def cells(pairs: Pairs) -> set[tuple[str, str]]:
    """Return the pairs as a set."""
    return set(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))


def test_sizes_follow_the_shares() -> None:
    """Shares are of the users, of all items, and of the items that are not matched."""
    result = split(USERS, ITEMS, FULL, seed=0, user_share=0.3, matched=0.4, item_share=0.75)
    north, south = result.parties["north"], result.parties["south"]
    assert (len(north.users), len(south.users)) == (3, 7)
    assert (len(result.matched), len(north.own), len(south.own)) == (8, 9, 3)
    assert (len(north.train), len(north.truth)) == (3 * 17, 3 * 3)
    assert (len(south.train), len(south.truth)) == (7 * 11, 7 * 9)


def test_two_parties_are_dealt_as_ever() -> None:
    """What seed 0 gives two parties has been measured on; it must not change."""
    result = split(USERS, ITEMS, FULL, seed=0)
    north, south = result.parties.values()
    assert result.matched.tolist() == ["i00", "i04", "i05", "i06", "i08", "i11", "i12", "i15", "i16", "i17"]
    assert north.users.tolist() == ["u1", "u3", "u4", "u5", "u8"]
    assert north.own.tolist() == south.asked.tolist() == ["i02", "i07", "i10", "i13", "i14"]
    assert south.own.tolist() == north.asked.tolist() == ["i01", "i03", "i09", "i18", "i19"]
    assert len(north.validation) == len(south.validation_truth) == 0


shares = st.floats(0.2, 0.8)


@given(seed=st.integers(0, 99), user_share=shares, matched=st.floats(0.1, 1), item_share=st.floats(0, 1))
def test_parties_partition_users_items_and_pairs(
    seed: int, user_share: float, matched: float, item_share: float
) -> None:
    """No user is at two parties, exclusive items have one owner, and each pair is at one place."""
    result = split(
        USERS, ITEMS, FULL, seed=seed, user_share=user_share, matched=matched, item_share=item_share
    )
    north, south = result.parties.values()
    both = set(result.matched)
    assert sorted([*north.users, *south.users]) == USERS.tolist()
    assert sorted([*result.matched, *north.own, *south.own]) == ITEMS.tolist()
    for side, other in ((north, south), (south, north)):
        assert set(side.items) == both | set(side.own)
        assert side.asked.tolist() == other.own.tolist()
        assert cells(side.train) == set(product(side.users, side.items))
        assert cells(side.truth) == set(product(side.users, side.asked))


def test_the_draw_depends_on_seed_and_ids_only() -> None:
    """Another order of users, items and pairs gives the same parties; another seed gives others."""
    generator = np.random.default_rng(0)
    users, items, rows = (
        generator.permutation(USERS),
        generator.permutation(ITEMS),
        generator.permutation(200),
    )
    shuffled = Pairs(FULL.users[rows], FULL.items[rows], FULL.values[rows])
    first = split(USERS, ITEMS, FULL, seed=5).parties["north"]
    again = split(users, items, shuffled, seed=5).parties["north"]
    other = split(USERS, ITEMS, FULL, seed=6).parties["north"]
    for name in ("users", "items", "own", "asked"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert cells(first.train) == cells(again.train)
    assert first.users.tolist() != other.users.tolist()
    assert first.own.tolist() != other.own.tolist()


def test_pairs_keep_their_values() -> None:
    """A value stays with its pair."""
    values = dict(zip(zip(FULL.users, FULL.items, strict=True), FULL.values, strict=True))
    train = split(USERS, ITEMS, FULL, seed=1).parties["south"].train
    assert all(values[u, i] == v for u, i, v in zip(train.users, train.items, train.values, strict=True))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"user_share": 1.5}, "user_share = 1.5"),
        ({"matched": -0.1}, "matched = -0.1"),
        ({"item_share": float("nan")}, "item_share = nan"),
        ({"user_share": 0.0}, "north would have no user"),
        ({"matched": 0.0, "item_share": 1.0}, "south would have no item"),
        ({"parties": ("a",)}, "between a"),
        ({"parties": tuple(f"p{number}" for number in range(17))}, "between p0, p1"),
        ({"parties": ()}, "between no parties"),
        ({"validation": 1.1}, "validation = 1.1"),
        ({"parties": ("a", "a")}, "between a, a"),
    ],
)
def test_impossible_splits_are_refused(keys: dict[str, object], message: str) -> None:
    """Shares outside [0, 1], parties with nothing, and less than two or over 16 parties are InputErrors."""
    with pytest.raises(InputError, match=message):
        split(USERS, ITEMS, FULL, seed=0, **keys)


NAMES = tuple(f"p{number:02}" for number in range(16))


def test_the_first_party_has_its_shares_and_the_others_are_alike() -> None:
    """Of ten users the first has four, of the ten items that are not matched also four."""
    result = split(USERS, ITEMS, FULL, seed=0, parties=NAMES[:4], user_share=0.4, item_share=0.4)
    assert [len(side.users) for side in result.parties.values()] == [4, 2, 2, 2]
    assert [len(side.own) for side in result.parties.values()] == [4, 2, 2, 2]
    assert len(result.matched) == 10


@given(
    count=st.integers(2, 5),
    seed=st.integers(0, 99),
    sharing=st.sampled_from(["all", "subsets"]),
    validation=st.sampled_from([0.0, 0.3]),
)
def test_asked_is_what_others_sell_and_the_party_does_not(
    count: int, seed: int, sharing: Literal["all", "subsets"], validation: float
) -> None:
    """Users are parted; each item has sellers; asked items have one or more; validation items one alone."""
    result = split(
        USERS, ITEMS, FULL, seed=seed, parties=NAMES[:count], sharing=sharing, validation=validation
    )
    sides = result.parties
    sellers = {item: [p for p, side in sides.items() if item in side.items] for item in ITEMS.tolist()}
    assert sorted(user for side in sides.values() for user in side.users) == USERS.tolist()
    assert result.matched.tolist() == [item for item, names in sellers.items() if len(names) > 1]
    drawn = {item for side in sides.values() for item in side.validation}
    assert len(drawn) == round(10 * validation)
    for party, side in sides.items():
        assert side.own.tolist() == [item for item, names in sellers.items() if names == [party]]
        others = {item for item, names in sellers.items() if party not in names}
        assert set(side.validation) == others & drawn
        assert all(len(sellers[item]) == 1 for item in drawn)
        assert set(side.asked) == others - drawn
        assert cells(side.train) == set(product(side.users, side.items))
        assert cells(side.truth) == set(product(side.users, side.asked))
        assert cells(side.validation_truth) == set(product(side.users, side.validation))


def test_matched_items_are_sold_by_all_or_by_subsets() -> None:
    """By all sixteen; or by two or more, some by few and some by most, and not by the same ones."""
    items = np.array([f"i{number:03}" for number in range(200)])
    users = np.array([f"u{number:02}" for number in range(32)])
    pairs = Pairs.merge(users, items[:32], np.ones(32))

    def sellers(sharing: Literal["all", "subsets"]) -> np.ndarray:
        result = split(users, items, pairs, seed=0, parties=NAMES, sharing=sharing)
        return np.array([np.isin(result.matched, side.items) for side in result.parties.values()])

    assert sellers("all").shape == (16, 100)
    assert sellers("all").all()
    some = sellers("subsets")
    assert some.shape == (16, 100)
    assert (some.sum(axis=0).min(), some.sum(axis=0).max()) == (2, 16)
    assert len({tuple(column) for column in some.T.tolist()}) > 80
    assert abs(some.mean() - 9 / 16) < 0.05


def test_validation_takes_matched_items_and_leaves_all_others_alone() -> None:
    """A share of the matched items is dealt in turn; users, other items and asked items are as without."""
    plain = split(USERS, ITEMS, FULL, seed=3)
    result = split(USERS, ITEMS, FULL, seed=3, validation=0.4)
    north, south = result.parties.values()
    assert [len(side.validation) for side in (north, south)] == [2, 2]
    assert sorted([*result.matched, *north.validation, *south.validation]) == plain.matched.tolist()
    for party, side in result.parties.items():
        assert side.users.tolist() == plain.parties[party].users.tolist()
        assert side.asked.tolist() == plain.parties[party].asked.tolist()
    assert set(south.validation) == set(north.own) - set(plain.parties["north"].own)


def test_a_pair_outside_is_refused() -> None:
    """A pair of an unknown user or item is a mistake of the caller."""
    with pytest.raises(ValueError, match="id u9 is not"):
        split(USERS[:9], ITEMS, FULL, seed=0)
    with pytest.raises(ValueError, match="id i19 is not"):
        split(USERS, ITEMS[:-1], FULL, seed=0)


def baselines(party: PartySplit, owner: PartySplit) -> list[dict[str, float]]:
    """Evaluate popularity, and popularity x activity, on what `party` asks of `owner`."""
    truth = party.truth.dense(party.users, party.asked)
    items = np.searchsorted(owner.items, party.asked)
    counts = owner.train.dense(owner.users, owner.items).sum(axis=0)[items]
    activity = party.train.dense(party.users, party.items).sum(axis=1)
    plain = popularity(counts, len(owner.users), len(party.users))
    scaled = popularity_x_activity(counts, len(owner.users), activity)
    return [evaluate(truth, plain), evaluate(truth, scaled)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ml-latest-small", {"roc_auc": (0.84, 0.90), "average_precision": (0.145, 0.32)}),
        ("online-retail", {"roc_auc": (0.79, 0.875), "average_precision": (0.063, 0.167)}),
    ],
)
def test_baselines_on_real_data_are_where_they_were_measured(
    real: Callable[[str], Dataset], name: str, expected: dict[str, tuple[float, float]]
) -> None:
    """Popularity, plain and times activity, rank as in the first measurements, seeds apart."""
    dataset = real(name)
    sides = split(dataset.users, dataset.items, dataset.pairs, seed=0).parties
    results = [
        baselines(sides["north"], sides["south"]),
        baselines(sides["south"], sides["north"]),
    ]
    for metric, values in expected.items():
        for which, value in enumerate(values):
            assert np.mean([result[which][metric] for result in results]) == pytest.approx(value, abs=0.025)
