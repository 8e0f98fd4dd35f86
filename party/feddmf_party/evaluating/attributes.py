"""User attributes that one party alone knows, as items that it alone sells, and their central reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError, InputError
from feddmf.evaluation import average_precision, roc_auc
from feddmf_party.data.arrow import csv, parquet
from feddmf_party.data.columns import ids, texts
from feddmf_party.data.tables import Batch, read_batches
from feddmf_party.datasets.dataset import Pairs
from feddmf_party.datasets.split import PartySplit, Split
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.measuring import mean
from feddmf_party.evaluating.outcome import Outcome

__all__ = ["AttributeTable", "Attributed", "add_attributes", "measure_attributes", "read_attributes"]

Strings = npt.NDArray[np.str_]

_FEWEST = 5


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """What is known of users; columns[column][value]: the users with that value, none for an empty cell."""

    columns: Mapping[str, Mapping[str, frozenset[str]]]

    def known(self, name: str) -> frozenset[str]:
        """Return the users with a value in the column of attribute `name`, "column=value"."""
        return frozenset().union(*self.columns[name.partition("=")[0]].values())

    def having(self, name: str) -> frozenset[str]:
        """Return the users with attribute `name`."""
        column, _, value = name.partition("=")
        return self.columns[column][value]

    def frequent(self, sides: Sequence[frozenset[str]], fewest: int) -> tuple[list[str], list[str]]:
        """Return the attributes that `fewest` users on each side have and as many lack, and all others.

        Both are sorted; who has no value in a column neither has nor lacks what is in it.
        """
        frequent: list[str] = []
        rare: list[str] = []
        for column, values in self.columns.items():
            known = frozenset().union(*values.values())
            totals = [len(known & side) for side in sides]
            for value, users in values.items():
                having = [len(users & side) for side in sides]
                counts = [*having, *(total - some for total, some in zip(totals, having, strict=True))]
                (frequent if min(counts) >= fewest else rare).append(f"{column}={value}")
        return sorted(frequent), sorted(rare)


@dataclass(frozen=True, eq=False)
class Attributed:
    """A split whose attribute owner sells attributes too; names: those that it sells, str [attributes]."""

    split: Split
    owner: str
    names: Strings
    skipped: tuple[str, ...]


def read_attributes(path: Path, user_column: str) -> AttributeTable:
    """Read a CSV or Parquet file with one row a user; every column but `user_column` is an attribute.

    Raises DataError naming file, row and column, and for a user with two rows or a file without attributes.
    """
    for _ in read_batches(path, (user_column,)):
        break
    names = [name for name in _header(path) if name != user_column]
    if not names:
        raise DataError(f"{path}: no column beside {user_column!r}", hint="add one column an attribute")
    for name in names:
        if "=" in name:
            raise DataError(f"{path}: column {name!r} has = in its name", hint="name it otherwise")
    columns: dict[str, dict[str, set[str]]] = {name: {} for name in names}
    rows: dict[str, int] = {}
    for batch in read_batches(path, (user_column, *names)):
        users = ids(batch, user_column).to_pylist()
        _note_rows(batch, user_column, users, rows)
        for name in names:
            for user, value in zip(users, texts(batch, name).to_pylist(), strict=True):
                if value is not None:
                    columns[name].setdefault(value, set()).add(user)
    return AttributeTable(
        {name: {value: frozenset(users) for value, users in each.items()} for name, each in columns.items()}
    )


def add_attributes(split: Split, table: AttributeTable, owner: str) -> Attributed:
    """Give `owner` each attribute with five users who have it and five who have another value, on both sides.

    The other side are all other parties' users. InputError where an item has an attribute's name, or where
    no attribute is left.
    """
    theirs = frozenset(split.parties[owner].users.tolist())
    others = frozenset().union(*(side.users.tolist() for side in split.parties.values())) - theirs
    kept, skipped = table.frequent((theirs, others), _FEWEST)
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
            f"no attribute is held by {_FEWEST} users of {owner} and {_FEWEST} of the others",
            hint="check --user-column and --attribute-owner, or leave rare values together",
        )
    sides = {
        party: _sell(side, names, table) if party == owner else _ask(side, names)
        for party, side in split.parties.items()
    }
    return Attributed(replace(split, parties=MappingProxyType(sides)), owner, names, tuple(skipped))


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


def _note_rows(batch: Batch, column: str, users: Sequence[str], rows: dict[str, int]) -> None:
    """Keep the row of each user; DataError for one who has a row already."""
    for index, user in enumerate(users):
        if user in rows:
            what = f"user {user!r} is in row {rows[user]} too"
            raise batch.fault(index, column, what, hint="leave one row for each user")
        rows[user] = batch.row(index)


def _header(path: Path) -> list[str]:
    """Return the column names of a file that has been read already."""
    if path.suffix.lower() == ".csv":
        with csv.open_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True)) as file:
            return list(file.schema.names)
    return list(parquet.read_schema(path).names)
