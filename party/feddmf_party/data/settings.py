"""Where a company's tables lie and which of their columns mean what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from feddmf.config import Settings
from feddmf_party.data.bins import check_edges

__all__ = ["AttributeTableSettings", "InteractionsSettings", "TableFormat", "UnknownItems"]

TableFormat = Literal["auto", "csv", "parquet"]
UnknownItems = Literal["error", "skip"]
ColumnName = Annotated[str, Field(min_length=1)]

_FORMAT = "How the file is written; `auto` goes by its suffix: .csv, .parquet or .pq."
_USER = "Column with the user's id: text or whole numbers, never empty."
_UNKNOWN = (
    "What to do with a local item id that the catalogue lacks: stop with an error, or leave the row out."
)


class InteractionsSettings(Settings):
    """The table with one row for each time that a user bought, watched or rated an item.

    Times with no zone, in the table as in `since` and `until`, are UTC. A relative `path` is resolved by
    the caller. Raises ValueError (pydantic's) for keys that contradict each other.
    """

    path: Path = Field(description="The table: one CSV (comma, header, UTF-8) or Parquet file.")
    format: TableFormat = Field("auto", description=_FORMAT)
    user_column: ColumnName = Field("user", description=_USER)
    item_column: ColumnName = Field(
        "item", description="Column with the local item id: text or whole numbers, never empty."
    )
    value_column: ColumnName | None = Field(
        None,
        description="Column with a number for each row (quantity, rating); rows of one pair add up.",
        examples=["quantity"],
    )
    min_value: float | None = Field(
        None,
        description="Leave out rows whose value is smaller; needs `value_column`.",
        examples=[1.0],
    )
    timestamp_column: ColumnName | None = Field(
        None,
        description="Column with the time of each row: ISO 8601 text, a timestamp, or epoch seconds.",
        examples=["bought_at"],
    )
    since: datetime | None = Field(
        None,
        description="Leave out rows before this time; needs `timestamp_column`.",
        examples=[datetime(2024, 1, 1, tzinfo=UTC)],
    )
    until: datetime | None = Field(
        None,
        description="Leave out rows at or after this time; needs `timestamp_column`.",
        examples=[datetime(2025, 1, 1, tzinfo=UTC)],
    )
    unknown_items: UnknownItems = Field("error", description=_UNKNOWN)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are read, in the order user, item, value, timestamp."""
        optional = (self.value_column, self.timestamp_column)
        return (self.user_column, self.item_column, *(name for name in optional if name is not None))

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _distinct(self.columns)
        if self.min_value is not None and self.value_column is None:
            raise ValueError("min_value needs value_column")
        if self.timestamp_column is None and (self.since or self.until):
            raise ValueError("since and until need timestamp_column")
        if self.since and self.until and _utc(self.since) >= _utc(self.until):
            raise ValueError("since must come before until")
        return self


class AttributeTableSettings(Settings):
    """The table with one row for each user and a column for each attribute, such as country.

    The value France in column country is local item id `country=France`; a user with an empty cell neither
    has nor lacks any value of that column. Numbers are put into bins: edges 25 and 40 of column age make
    `age=..25` (under 25), `age=25..40` (25 or more, under 40) and `age=40..` (40 or more). A relative `path`
    is resolved by the caller. Raises ValueError (pydantic's) for keys that contradict each other.
    """

    path: Path = Field(
        description="The table: one CSV (comma, header, UTF-8) or Parquet file.", examples=["users.csv"]
    )
    format: TableFormat = Field("auto", description=_FORMAT)
    user_column: ColumnName = Field("user", description=_USER)
    columns: tuple[ColumnName, ...] = Field(
        min_length=1,
        description="Columns that hold user attributes: text, whole numbers or true/false, each value an "
        "attribute of its own; any numbers where `bins` names the column. An empty cell is not known.",
        examples=[("country", "age")],
    )
    bins: dict[ColumnName, tuple[float, ...]] | None = Field(
        None,
        description="By column of numbers, the ascending edges between its bins: 25, 40 and 65 for age make "
        "age=..25 (under 25), age=25..40 (25 or more and under 40), age=40..65 and age=65.. (65 or more).",
        examples=[{"age": (25, 40, 65)}],
    )
    unknown_items: UnknownItems = Field("error", description=_UNKNOWN)

    def edges(self, column: str) -> tuple[float, ...] | None:
        """Return the edges between the bins of `column`, None where its values are categories."""
        return (self.bins or {}).get(column)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _distinct((self.user_column, *self.columns))
        for column in self.columns:
            if "=" in column:
                raise ValueError(f"column {column!r} has = in its name, which ends the name of a column")
        for column, edges in (self.bins or {}).items():
            if column not in self.columns:
                raise ValueError(f"bins.{column} is for none of the columns {', '.join(self.columns)}")
            check_edges(column, edges)
        return self


def _distinct(columns: tuple[str, ...]) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise ValueError(f"column {column!r} is named twice")


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
