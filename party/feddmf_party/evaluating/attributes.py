"""User attributes that one party alone knows: among what it sells, and measured at all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.evaluation import average_precision, roc_auc
from feddmf_party.datasets.dataset import Pairs
from feddmf_party.datasets.split import PartySplit, Split
from feddmf_party.evaluating.attribute_table import AttributeTable
from feddmf_party.evaluating.federation import FEWEST_USERS, Federation
from feddmf_party.evaluating.measuring import mean
from feddmf_party.evaluating.outcome import Outcome

__all__ = ["Attributed", "add_attributes", "measure_attributes"]

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Attributed:
    """A split whose attribute owner sells attributes too; names: those that it sells, str [attributes].

    valued: column -> the users with a value in it, for whom alone an attribute is right or wrong.
    """

    split: Split
    owner: str
    names: Strings
    skipped: tuple[str, ...]
    valued: Mapping[str, frozenset[str]]

    def federation(self, labels: Mapping[str, str]) -> Federation:
        """Return what the parties have in memory; the owner knows what its user attributes are."""
        return Federation.of(self.split, labels, self.names, self.valued)


def add_attributes(split: Split, table: AttributeTable, owner: str) -> Attributed:
    """Give `owner` each attribute with five users who have it and five who have another value, on both sides.

    The other side are all other parties' users. InputError where an item has an attribute's name, or where
    no attribute is left.
    """
    theirs = frozenset(split.parties[owner].users.tolist())
    others = frozenset().union(*(side.users.tolist() for side in split.parties.values())) - theirs
    kept, skipped = table.frequent((theirs, others), FEWEST_USERS)
    names = np.array(kept, dtype=np.str_)
    for party, side in split.parties.items():
        taken = np.intersect1d(names, side.items)
        if len(taken):
            raise InputError(
                f"{party} sells an item {str(taken[0])!r}, which is an attribute's name too",
                hint="name the attribute's column otherwise",
            )
    if not kept:
        raise InputError(
            f"no attribute is held by {FEWEST_USERS} users of {owner} and {FEWEST_USERS} of the others",
            hint="check --user-column and --attribute-owner, or leave rare values together",
        )
    sides = {
        party: _sell(side, names, table) if party == owner else _ask(side, names)
        for party, side in split.parties.items()
    }
    return Attributed(
        replace(split, parties=MappingProxyType(sides)), owner, names, tuple(skipped), table.valued()
    )


def measure_attributes(
    federation: Federation, attributed: Attributed, table: AttributeTable, outcome: Outcome
) -> dict[str, dict[str, float]]:
    """Return ROC-AUC and average precision by attribute, the mean over the parties that do not know it."""
    scores = {party: each.attributes for party, each in outcome.scores.items() if party != attributed.owner}
    return {
        name: _measure(federation, table, name, {p: each[:, column] for p, each in scores.items()})
        for column, name in enumerate(attributed.names.tolist())
    }


def _measure(
    federation: Federation, table: AttributeTable, name: str, scores: Mapping[str, npt.NDArray[np.floating]]
) -> dict[str, float]:
    """Measure one attribute by party -> scores of its users, [users], over users whose value is known."""
    valued, having = table.known(name), table.having(name)
    areas, precisions = [], []
    for party, each in scores.items():
        users = federation.companies[party].users.tolist()
        known = np.array([user in valued for user in users])
        truth = np.array([user in having for user in users])[known]
        areas.append(roc_auc(truth, each[known]))
        precisions.append(average_precision(truth, each[known]))
    return {"roc_auc": mean(areas), "average_precision": mean(precisions)}


def _sell(side: PartySplit, names: Strings, table: AttributeTable) -> PartySplit:
    here = frozenset(side.users.tolist())
    pairs = [(user, name) for name in names.tolist() for user in sorted(table.having(name) & here)]
    users, items = (np.array(column, dtype=np.str_) for column in zip(*pairs, strict=True))
    train = Pairs.merge(
        np.concatenate([side.train.users, users]),
        np.concatenate([side.train.items, items]),
        np.concatenate([side.train.values, np.ones(len(pairs))]),
    )
    return replace(side, items=np.union1d(side.items, names), own=np.union1d(side.own, names), train=train)


def _ask(side: PartySplit, names: Strings) -> PartySplit:
    return replace(side, asked=np.union1d(side.asked, names))
