"""Where a company's tables lie and which of their columns mean what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from feddmf.config import Settings
from feddmf.errors import ConfigError
from feddmf_party.data.bins import check_edges
from feddmf_party.data.statements import reads
from feddmf_party.data.urls import below, expand, is_url, shown_url

__all__ = ["AttributeTableSettings", "InteractionsSettings", "SourceSettings", "TableFormat", "UnknownItems"]

TableFormat = Literal["auto", "csv", "parquet"]
UnknownItems = Literal["error", "skip"]
ColumnName = Annotated[str, Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]

_FORMAT = "How the file is written; `auto` goes by its suffix: .csv, .parquet or .pq."
_USER = "Column with the user's id: text or whole numbers, never empty."
_UNKNOWN = (
    "What to do with a local item id that the catalogue lacks: stop with an error, or leave the row out."
)


class SourceSettings(Settings):
    """Where rows come from: a file, or a table or query of a database.

    A relative `path`, and that of an SQLite database, is resolved by `relative_to`. Raises ValueError
    (pydantic's) unless it is one of the two, and for SQL that does more than read.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    section: ClassVar[str] = "data"
    """The table of party.toml that holds the settings."""

    path: Path | None = Field(
        None,
        description="The table: one CSV (comma, header, UTF-8) or Parquet file. This or `url` is needed.",
        examples=["table.parquet"],
    )
    format: TableFormat = Field("auto", description=_FORMAT)
    url: Text | None = Field(
        None,
        repr=False,
        description="The database, in place of `path`: postgresql://, or any other that SQLAlchemy can read. "
        "${NAME} is replaced by the environment variable NAME: keep the password there, or the whole URL. "
        "Special characters of a password in the URL itself are percent-encoded.",
        examples=["postgresql://reader:${SHOP_PASSWORD}@db.example.com/shop"],
    )
    table: Text | None = Field(
        None, description="Table or view of that database, as NAME or SCHEMA.NAME.", examples=["sales"]
    )
    query: Text | None = Field(
        None,
        description="In place of `table`, the SELECT whose rows are read. Quote names that mean something to "
        'the database: to PostgreSQL user is who is logged in, "user" the column (SELECT "user", item).',
        examples=["SELECT customer AS user, article AS item FROM sales WHERE quantity > 0"],
    )
    cache_query: Text | None = Field(
        None,
        description="A SELECT of one value that changes whenever the rows do: while it stays, what was read "
        "before is used again. It may not be NULL. Without it a database is read at each start.",
        examples=["SELECT count(*) || ' ' || max(id) FROM sales"],
    )

    @property
    def source(self) -> str:
        """The table as messages name it, without the database's password."""
        if self.path is not None or self.url is None:
            return str(self.path)
        return f"{shown_url(self.url)}: {'the query' if self.table is None else f'table {self.table}'}"

    def full_url(self) -> str:
        """Return the URL with its variables filled in; ConfigError names one that is not set, and the key."""
        try:
            return expand(self.url or "")
        except ConfigError as error:
            raise ConfigError(
                f"{self.section}.url: {error.message}",
                hint=f"{error.hint}, or mend url under [{self.section}] of party.toml",
            ) from None

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with a relative path of a file or of an SQLite database below `folder`."""
        if self.path is not None:
            return self.model_copy(update={"path": folder / self.path})
        return self.model_copy(update={"url": None if self.url is None else below(folder, self.url)})

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.path is None and self.url is None:
            raise ValueError("it needs a path, or the url of a database")
        if self.path is not None and self.url is not None:
            raise ValueError("it has both path and url")
        if self.url is not None and (self.table is None) == (self.query is None):
            raise ValueError("url needs either table or query")
        if self.path is not None and is_url(str(self.path)):
            raise ValueError("path is a URL: that of a database belongs in url")
        for key in ("table", "query", "cache_query"):
            if self.url is None and getattr(self, key) is not None:
                raise ValueError(f"{key} needs url")
        for key, query in (("query", self.query), ("cache_query", self.cache_query)):
            if query is not None and not reads(query):
                raise ValueError(
                    f"{key} must begin with SELECT, WITH, VALUES, TABLE or SHOW: a database is only read"
                )
        return self


class InteractionsSettings(SourceSettings):
    """The table with one row for each time that a user bought, watched or rated an item.

    Times with no zone, in the table as in `since` and `until`, are UTC. Raises ValueError (pydantic's) for
    keys that contradict each other.
    """

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


class AttributeTableSettings(SourceSettings):
    """The table with one row for each user and a column for each attribute, such as country.

    The value France in column country is local item id `country=France`; a user with an empty cell neither
    has nor lacks any value of that column. Numbers are put into bins: edges 25 and 40 of column age make
    `age=..25` (under 25), `age=25..40` (25 or more, under 40) and `age=40..` (40 or more). Raises ValueError
    (pydantic's) for keys that contradict each other.
    """

    section: ClassVar[str] = "attributes"

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
