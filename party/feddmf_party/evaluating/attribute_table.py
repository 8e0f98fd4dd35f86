"""A table of users for an evaluation: who has which attribute, and whose value is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from feddmf.errors import DataError, InputError
from feddmf.user_attributes import column_of
from feddmf_party.data.arrow import csv, parquet
from feddmf_party.data.attributes import NUMBER, attribute_values
from feddmf_party.data.bins import check_edges
from feddmf_party.data.columns import ids
from feddmf_party.data.tables import Batch, read_batches

__all__ = ["AttributeTable", "parse_bins", "read_attributes"]

# A column of more distinct numbers than this is one of amounts, and not of categories.
_MOST_NUMBERS = 20


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """What is known of users; columns[column][value]: the users with that value, none for an empty cell."""

    columns: Mapping[str, Mapping[str, frozenset[str]]]

    def known(self, name: str) -> frozenset[str]:
        """Return the users with a value in the column of attribute `name`, "column=value"."""
        return self.valued()[column_of(name)]

    def valued(self) -> Mapping[str, frozenset[str]]:
        """Return column -> the users with a value in it."""
        return {column: frozenset().union(*values.values()) for column, values in self.columns.items()}

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


def parse_bins(given: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the edges by column from texts such as age=25,40,65; InputError for what is none."""
    bins: dict[str, tuple[float, ...]] = {}
    for each in given:
        column, equals, edges = each.partition("=")
        if not equals or not column:
            raise InputError(f"--bins {each} is not COLUMN=EDGE,EDGE", hint="write it as age=25,40,65")
        if column in bins:
            raise InputError(f"--bins {each}: {column} has bins already", hint="name each column once")
        try:
            bins[column] = tuple(float(edge) for edge in edges.split(","))
            check_edges(column, bins[column])
        except ValueError as error:
            raise InputError(
                f"--bins {each}: {error}", hint="write ascending numbers: age=25,40,65"
            ) from error
    return bins


def read_attributes(
    path: Path, user_column: str, bins: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> AttributeTable:
    """Read a CSV or Parquet file with one row a user; every column but `user_column` is an attribute.

    bins: by column of numbers, the ascending edges between its bins. Raises DataError naming file, row and
    column, for a user with two rows, a file without attributes and a column of many numbers without bins;
    InputError for bins of a column that is not there.
    """
    for _ in read_batches(path, (user_column,)):
        break
    names = [name for name in _header(path) if name != user_column]
    _check_columns(path, user_column, names, bins)
    columns: dict[str, dict[str, set[str]]] = {name: {} for name in names}
    rows: dict[str, int] = {}
    for batch in read_batches(path, (user_column, *names)):
        users = ids(batch, user_column).to_pylist()
        _note_rows(batch, user_column, users, rows)
        for name in names:
            values = attribute_values(batch, name, bins.get(name)).to_pylist()
            for user, value in zip(users, values, strict=True):
                if value is not None:
                    columns[name].setdefault(value, set()).add(user)
    for name in names:
        if name not in bins:
            _refuse_amounts(path, name, columns[name])
    return AttributeTable(
        {name: {value: frozenset(users) for value, users in each.items()} for name, each in columns.items()}
    )


def _check_columns(path: Path, user_column: str, names: Sequence[str], bins: Iterable[str]) -> None:
    if not names:
        raise DataError(f"{path}: no column beside {user_column!r}", hint="add one column an attribute")
    for name in names:
        if "=" in name:
            raise DataError(f"{path}: column {name!r} has = in its name", hint="name it otherwise")
    for column in bins:
        if column not in names:
            raise InputError(
                f"{path}: no column {column!r} to have bins", hint=f"its columns are {', '.join(names)}"
            )


def _note_rows(batch: Batch, column: str, users: Sequence[str], rows: dict[str, int]) -> None:
    """Keep the row of each user; DataError for one who has a row already."""
    for index, user in enumerate(users):
        if user in rows:
            what = f"user {user!r} is in row {rows[user]} too"
            raise batch.fault(index, column, what, hint="leave one row for each user")
        rows[user] = batch.row(index)


def _refuse_amounts(path: Path, name: str, values: Iterable[str]) -> None:
    """Raise DataError where a column of categories holds nothing but many numbers."""
    distinct = list(values)
    if len(distinct) > _MOST_NUMBERS and all(NUMBER.fullmatch(value) for value in distinct):
        low, high = (pick(distinct, key=float) for pick in (min, max))
        raise DataError(
            f"{path}: column {name!r} holds {len(distinct)} different numbers, from {low} to {high}",
            hint=f"give it bins, --bins {name}=EDGE,EDGE, or begin numbers that are names with a letter",
        )


def _header(path: Path) -> list[str]:
    """Return the column names of a file that has been read already."""
    if path.suffix.lower() == ".csv":
        with csv.open_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True)) as file:
            return list(file.schema.names)
    return list(parquet.read_schema(path).names)
