"""User attributes that one party knows: as its items, measured at the others, beside their reference."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf_party.datasets import Dataset
from feddmf_party.datasets.split import Split, split
from feddmf_party.evaluating.attribute_table import AttributeTable
from feddmf_party.evaluating.attributes import add_attributes, measure_attributes
from feddmf_party.evaluating.outcome import Outcome
from feddmf_party.evaluating.reference import reference_roc_auc

NAMES = ("a", "b", "c")


def make_table(**columns: dict[str, str]) -> AttributeTable:
    """Return a table from column=user -> value."""
    return AttributeTable(
        {
            column: {
                value: frozenset(user for user, theirs in each.items() if theirs == value)
                for value in set(each.values())
            }
            for column, each in columns.items()
        }
    )


def parity(dataset: Dataset, wrong: int = 0) -> dict[str, str]:
    """Return each user's parity, which its tastes tell; of every `wrong`-th user the other one."""
    users = dataset.users.tolist()
    return {user: ("even", "odd")[(int(user[1:]) + (wrong > 0 and at % wrong == 0)) % 2]
            for at, user in enumerate(users)}  # fmt: skip


def dealt(dataset: Dataset) -> Split:
    """Return three parties."""
    return split(dataset.users, dataset.items, dataset.pairs, seed=0, parties=NAMES)


def test_the_owner_sells_what_is_frequent_and_the_others_ask_for_it(tastes: Dataset) -> None:
    """Five users with and five without on both sides; a rare value and one that all have are left out."""
    users = tastes.users.tolist()
    table = make_table(
        parity=parity(tastes),
        zip={user: user for user in users},
        planet=dict.fromkeys(users, "earth"),
    )
    before = dealt(tastes)
    after = add_attributes(before, table, "b")
    assert after.names.tolist() == ["parity=even", "parity=odd"]
    assert after.skipped == ("planet=earth", *(f"zip={user}" for user in users))
    owner, other = after.split.parties["b"], after.split.parties["c"]
    assert set(owner.own) == set(before.parties["b"].own) | set(after.names)
    assert len(owner.train) == len(before.parties["b"].train) + len(owner.users)
    having = {u for u, i in zip(owner.train.users, owner.train.items, strict=True) if i == "parity=odd"}
    assert having == {user for user in owner.users.tolist() if int(user[1:]) % 2}
    assert set(other.asked) == set(before.parties["c"].asked) | set(after.names)
    federation = after.federation(tastes.item_labels)
    assert federation.companies["c"].attributes.tolist() == after.names.tolist()
    assert federation.companies["c"].asked.tolist() == before.parties["c"].asked.tolist()
    assert federation.companies["b"].attributes.tolist() == []


def test_the_owner_knows_what_its_user_attributes_are_and_whose_value_is_known(tastes: Dataset) -> None:
    """Codes are those of its own items; users without a value are not known, and nobody else has any."""
    values = parity(tastes)
    owner = dealt(tastes).parties["b"].users.tolist()
    table = make_table(parity={user: value for user, value in values.items() if user not in owner[:3]})
    federation = add_attributes(dealt(tastes), table, "b").federation(tastes.item_labels)
    company = federation.companies["b"]
    attributes = company.user_attributes
    assert attributes is not None
    assert company.keys[attributes.codes].tolist() == ["parity=even", "parity=odd"]
    assert (attributes.columns, attributes.min_users) == (("parity", "parity"), 5)
    assert attributes.known[:, 0].tolist() == [user not in owner[:3] for user in company.users.tolist()]
    odd = attributes.labels(company.data)[:, 1]
    assert odd.tolist() == [
        known and int(user[1:]) % 2 == 1
        for user, known in zip(company.users.tolist(), attributes.known[:, 1], strict=True)
    ]
    assert federation.companies["a"].user_attributes is None
    assert federation.companies["c"].user_attributes is None


def test_attributes_are_measured_on_the_others_users_whose_value_is_known(tastes: Dataset) -> None:
    """A model that knows parity has 1; users without a value and users of the owner do not count."""
    values = parity(tastes)
    owner = dealt(tastes).parties["b"].users.tolist()
    unknown = [user for user in tastes.users.tolist() if user not in owner][:4]
    table = make_table(parity={user: value for user, value in values.items() if user not in unknown})
    added = add_attributes(dealt(tastes), table, "b")
    federation = added.federation(tastes.item_labels)

    def score(company, keys):  # noqa: ANN001, ANN202  (typed by Outcome.of)
        odd = np.array([int(user[1:]) % 2 for user in company.users.tolist()], dtype=np.float64)
        lies = np.isin(company.users, unknown) | (company.party == "b")
        return np.repeat(np.where(lies, 1 - odd, odd)[:, None], len(keys), axis=1)

    found = measure_attributes(federation, added, table, Outcome.of(federation, score))
    assert found["parity=odd"] == {"roc_auc": 1.0, "average_precision": 1.0}
    assert found["parity=even"]["roc_auc"] == 0.0


def test_the_reference_predicts_what_tastes_tell_and_nothing_else(tastes: Dataset) -> None:
    """Near 1 for parity, near one half for what was drawn by lot; each user is left out of the own fit."""
    pytest.importorskip("sklearn")
    lots = np.random.default_rng(1).integers(0, 2, 60)
    lot = {user: str(each) for user, each in zip(tastes.users.tolist(), lots, strict=True)}
    table = make_table(parity=parity(tastes), lot=lot)
    added = add_attributes(dealt(tastes), table, "a")
    federation = added.federation(tastes.item_labels)
    found = reference_roc_auc(federation, added, table)
    assert found["parity=odd"] > 0.9
    assert abs(found["lot=1"] - 0.5) < 0.25
    assert found == reference_roc_auc(federation, added, table)


def test_without_matched_items_there_is_no_reference(tastes: Dataset) -> None:
    """It has nothing to go by."""
    pytest.importorskip("sklearn")
    table = make_table(parity=parity(tastes))
    apart = split(tastes.users, tastes.items, tastes.pairs, seed=0, parties=NAMES, matched=0.0)
    added = add_attributes(apart, table, "a")
    federation = added.federation(tastes.item_labels)
    assert all(np.isnan(area) for area in reference_roc_auc(federation, added, table).values())


def test_attributes_of_nobody_and_names_of_items_are_refused(tastes: Dataset) -> None:
    """Where no attribute is left, or an item already has its name."""
    with pytest.raises(InputError, match="no attribute is held by 5 users of a and 5 of the others"):
        add_attributes(dealt(tastes), make_table(parity={"stranger": "odd"}), "a")
    items = np.append(tastes.items, "parity=odd")
    taken = split(tastes.users, items, tastes.pairs, seed=0, parties=NAMES)
    with pytest.raises(InputError, match="sells an item 'parity=odd'"):
        add_attributes(taken, make_table(parity=parity(tastes)), "a")
