"""Tables of an SQLite database through SQLAlchemy, and what is said where that fails."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from feddmf.config import parse_settings
from feddmf.errors import ConfigError, ConnectError, DataError, FedDMFError
from feddmf_party.data import AttributeTableSettings, InteractionsSettings, PartyTable, load_interactions
from feddmf_party.data import databases as module

ITEMS = ("a", "b", "7")
SALES = [("u2", "a", 3.0, "2011-01-01"), ("u1", "b", 1.0, "2011-01-02"), ("u2", "a", 4.0, "2011-01-03")]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write a database with a table of sales and one of people."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE sales ("user", item, quantity REAL, day TEXT)')
    connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", SALES)
    connection.execute('CREATE TABLE "people of" ("user", country)')
    connection.executemany('INSERT INTO "people of" VALUES (?, ?)', [("u1", "France"), ("u9", None)])
    connection.commit()
    connection.close()
    return path


def settings(path: Path, **keys: Any) -> InteractionsSettings:
    """Return settings of the database, its table of sales unless `keys` say otherwise."""
    keys = keys if "query" in keys else {"table": "sales", **keys}
    return InteractionsSettings(url=f"sqlite:///{path}", **keys)


def pairs(table: PartyTable) -> list[tuple[str, str, float]]:
    """Return (user, item, value) of each pair."""
    found = table.interactions
    users = [table.user_ids[row] for row in found.rows()]
    items = [ITEMS[code] for code in found.indices]
    return list(zip(users, items, found.values.tolist(), strict=True))


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_a_table_reads_like_a_file(shop: Path, block_bytes: int) -> None:
    """Values, times and attributes come from tables, a row at a time or all at once."""
    keys = settings(shop, value_column="quantity", timestamp_column="day")
    people = AttributeTableSettings(url=f"sqlite:///{shop}", table="people of", columns=("country",))
    table = load_interactions(keys, (*ITEMS, "country=France"), attributes=people, block_bytes=block_bytes)
    assert table.user_ids == ("u1", "u2", "u9")
    assert table.interactions.rows().tolist() == [0, 0, 1]
    assert table.interactions.indices.tolist() == [1, 3, 0]
    assert table.interactions.values.tolist() == [1, 1, 7]
    assert (table.rows_read, table.attribute_rows) == (3, 2)


def test_a_query_reads_like_a_table(shop: Path) -> None:
    """Columns are those that the query names, with numbers as ids, and a semicolon does not matter."""
    query = "SELECT rowid AS who, 7 AS what FROM sales WHERE quantity > 1;"
    table = load_interactions(settings(shop, query=query, user_column="who", item_column="what"), ITEMS)
    assert pairs(table) == [("1", "7", 1.0), ("3", "7", 1.0)]


@pytest.mark.parametrize(
    ("keys", "kind", "message"),
    [
        ({"table": "sale"}, DataError, "table sale: cannot be read: no such table: sale"),
        ({"user_column": "usr"}, DataError, "table sales: no column 'usr'; it has 'user', 'item'"),
        ({"query": "SELECT item FROM sales"}, DataError, "the query: no column 'user'; it has 'item'"),
        ({"query": "SELECT FRO"}, DataError, "the query: cannot be read: no such column: FRO"),
        ({"query": "SELECT 1 AS user, 'a' AS item WHERE 0"}, DataError, "the query: no rows"),
        ({"query": "SELECT NULL AS user, 'a' AS item"}, DataError, "the query: row 1: column 'user': no id"),
        (
            {"query": "SELECT 1 AS user, 'a' AS item UNION SELECT 'x', 'b'"},
            DataError,
            "rows 1 to 2: column 'user' holds cells of several types",
        ),
        ({"query": "SELECT 1 AS user, 'z' AS item"}, DataError, "row 1: column 'item': item 'z' is not in"),
    ],
)
def test_what_is_wrong_is_named(
    shop: Path, keys: dict[str, Any], kind: type[FedDMFError], message: str
) -> None:
    """A table, query, column or cell that cannot be read is named with its database."""
    with pytest.raises(kind) as caught:
        load_interactions(settings(shop, **keys), ITEMS)
    assert f"sqlite:///{shop}: " in caught.value.message
    assert message in caught.value.message
    assert caught.value.hint


class _Formatting(sqlite3.Connection):
    """A connection of a driver whose placeholders begin with %, wherever it is given parameters."""

    def cursor(self, *_: Any) -> sqlite3.Cursor:
        return super().cursor(_FormattingCursor)


class _FormattingCursor(sqlite3.Cursor):
    def execute(self, query: str, *parameters: Any) -> sqlite3.Cursor:
        for each in parameters:
            query = query % each
        return super().execute(query)


def test_a_percent_sign_is_no_placeholder(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern of LIKE reads as it is written, whatever the driver's placeholders are."""
    connect = partial(sqlite3.dbapi2.connect, factory=_Formatting)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)
    query = """SELECT "user", item FROM sales WHERE "user" LIKE '%2'"""
    table = load_interactions(settings(shop, query=query), ITEMS)
    assert table.user_ids == ("u2",)


@pytest.mark.parametrize("method", ["cursor", "__init__"])
def test_whatever_a_driver_raises_is_an_error_of_ours(
    shop: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Also what is none of a driver's own errors, with its kind and without the secrets of the URL."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("in 0.125")

    broken = type("_Broken", (sqlite3.Connection,), {method: fail})
    monkeypatch.setattr(sqlite3.dbapi2, "connect", partial(sqlite3.dbapi2.connect, factory=broken))
    keys = InteractionsSettings(url=f"sqlite:///{shop}?timeout=0.125", table="sales")
    with pytest.raises(FedDMFError, match=r"ZeroDivisionError: in \*\*\*") as caught:
        load_interactions(keys, ITEMS)
    assert caught.value.__cause__ is None
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("sqlite:////nowhere/shop.db", DataError, "sqlite:////nowhere/shop.db: table t: no such file"),
        ("nonsense", ConfigError, "url is no URL of a database"),
        ("postgresql+psycopg://me:secret@host:port/x", ConfigError, "the database: table t: url is no URL"),
        ("nonsense://me:secret@host/x", ConfigError, "nonsense://host/x: table t: Can't load plugin"),
        (
            "${FEDDMF_TEST_UNSET}",
            ConfigError,
            "^data.url: .* variable FEDDMF_TEST_UNSET, which is not set",
        ),
        ("postgresql:/me:secret@127.0.0.1:1/x", ConfigError, "the database: table t: url is no URL"),
        ("me:secret@127.0.0.1:1/x", ConfigError, "the database: table t: url is no URL"),
        ("postgresql://me:s#secret/secret@127.0.0.1:1/x", ConnectError, "//127.0.0.1:1/x: table t: cannot"),
        ("postgresql://me:secret", ConnectError, "the database: table t: cannot connect"),
        ("postgresql://me:secret/x", ConnectError, "the database: table t: cannot connect"),
        ("postgresql://me secret", ConnectError, "the database: table t: cannot connect"),
        ("postgresql+psycopg://me:secret", ConfigError, "the database: table t: url is no URL"),
        ("postgresql://me:secret@127.0.0.1:1/x", ConnectError, "x: table t: cannot connect: .*refused"),
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/x",
            ConnectError,
            "x: table t: cannot connect: .*refused",
        ),
        (
            "postgresql://me:12/34secret@127.0.0.1:1/x",
            ConnectError,
            "//127.0.0.1:1/x: table t: cannot connect",
        ),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(url: str, kind: type[FedDMFError], message: str) -> None:
    """A URL that leads nowhere is an error that says so without its password, and makes no file."""
    with pytest.raises(kind, match=message) as caught:
        load_interactions(InteractionsSettings(url=url, table="t"), ITEMS)
    assert "secret" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["postgresql://me:s3#cr/et@127.0.0.1:1/x", "me:s3cret@127.0.0.1:1/x"])
def test_a_password_that_is_taken_apart_has_a_hint(url: str) -> None:
    """Where a password's own characters end it, the hint says how they are written."""
    with pytest.raises(FedDMFError) as caught:
        load_interactions(InteractionsSettings(url=url, table="t"), ITEMS)
    assert "%23 for #" in caught.value.hint
    assert not any(part in caught.value.message for part in ("s3", "cr/", "et@"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """The hint is of the file, and not of table or query."""
    (tmp_path / "junk.db").write_text("neither a table nor a query " * 40)
    with pytest.raises(DataError, match="file is not a database") as caught:
        load_interactions(settings(tmp_path / "junk.db"), ITEMS)
    assert "a file that is an SQLite database" in caught.value.hint


def test_a_parameter_that_the_driver_does_not_know_is_an_error(shop: Path) -> None:
    """It is named, and no warning of SQLAlchemy's appears."""
    keys = InteractionsSettings(url=f"sqlite:///{shop}?foo=bar", table="sales")
    with pytest.raises(ConfigError, match=r"table sales: Query string argument\(s\) 'foo'") as caught:
        load_interactions(keys, ITEMS)
    assert caught.value.hint == "mend the parameters after ? in url"
    assert "sqlalche.me" not in caught.value.message


def test_a_variable_that_is_not_set_names_its_table() -> None:
    """Of the two tables that party.toml may name, that whose URL it is."""
    people = AttributeTableSettings(url="${FEDDMF_TEST_UNSET}", table="people", columns=("country",))
    with pytest.raises(ConfigError, match=r"^attributes\.url: .*FEDDMF_TEST_UNSET") as caught:
        people.full_url()
    assert "under [attributes] of party.toml" in caught.value.hint


def test_a_relative_file_in_a_variable_lies_below_the_folder(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable may hold the whole URL, and its path is the party's like any other."""
    monkeypatch.setenv("FEDDMF_TEST_SHOP", "sqlite:///shop.db")
    keys = InteractionsSettings(url="${FEDDMF_TEST_SHOP}", table="sales").relative_to(shop.parent)
    assert load_interactions(keys, ITEMS).user_ids == ("u1", "u2")


def test_a_uri_of_sqlite_lies_below_the_folder(tmp_path: Path, shop: Path) -> None:
    """With a mode of SQLite's own; a file that is not there is not made."""
    url = "sqlite:///file:{}?mode=ro&uri=true"
    keys = InteractionsSettings(url=url.format("shop.db"), table="sales").relative_to(shop.parent)
    assert load_interactions(keys, ITEMS).user_ids == ("u1", "u2")
    for absent in (url.format("other.db").replace("ro", "rwc"), "sqlite:///shop.db?uri=true"):
        keys = InteractionsSettings(url=absent, table="sales").relative_to(tmp_path)
        with pytest.raises(FedDMFError, match=r"no such file|does not begin with file:"):
            load_interactions(keys, ITEMS)
    assert list(tmp_path.iterdir()) == [shop]


@pytest.mark.parametrize("key", ["query", "cache_query"])
def test_nothing_is_written(shop: Path, tmp_path: Path, key: str) -> None:
    """By a statement that begins like one that reads, the table stays as it was."""
    keys = {"query": 'SELECT "user", item FROM sales', key: "WITH x AS (SELECT 1) DELETE FROM sales"}
    with pytest.raises(DataError, match="attempt to write a readonly database"):
        load_interactions(settings(shop, **keys), ITEMS, keep_in=tmp_path / "tables")
    assert load_interactions(settings(shop), ITEMS).rows_read == 3


@pytest.mark.parametrize("key", ["query", "cache_query"])
@pytest.mark.parametrize(
    "written", ["drop table sales", "-- SELECT\n DELETE FROM sales", "PRAGMA query_only=0"]
)
def test_what_does_not_read_is_refused_by_its_key(shop: Path, key: str, written: str) -> None:
    """SQL that begins otherwise than a reading statement never reaches the database."""
    values = {"url": f"sqlite:///{shop}", "query": "SELECT 1", key: written}
    with pytest.raises(ConfigError, match=f"{key} must begin with SELECT, WITH, VALUES, TABLE or SHOW"):
        parse_settings(values, InteractionsSettings, where="party.toml")


def test_a_missing_driver_names_the_extra(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed the error says how to install it."""

    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(ConfigError, match="No module named 'sqlalchemy'") as caught:
        load_interactions(settings(shop), ITEMS)
    assert "feddmf[sql]" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs a path, or the url"),
        ({"path": "a.csv", "url": "sqlite:///a"}, "both path and url"),
        ({"path": "a.csv", "table": "t"}, "table needs url"),
        ({"path": "db://me:secret@host/x"}, "path is a URL: that of a database belongs in url"),
        ({"url": "sqlite:///a"}, "either table or query"),
        ({"url": "sqlite:///a", "table": "t", "query": "q"}, "either table or query"),
        ({"url": "db://me:secret@host", "table": ""}, "at least 1 character"),
    ],
)
def test_a_table_has_one_source(values: dict[str, str], message: str) -> None:
    """A file or a database, a table or a query; and no message or print of the settings shows a password."""
    with pytest.raises(ConfigError, match=message) as caught:
        parse_settings(values, InteractionsSettings, where="party.toml")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(InteractionsSettings(url="db://me:secret@host", table="t"))


@pytest.mark.parametrize("query", ["SELECT 1, 2", "SELECT 1 UNION SELECT 2", "SELECT 1 WHERE 0"])
def test_a_cache_query_selects_one_value(shop: Path, tmp_path: Path, query: str) -> None:
    """Of several values, or none, it is not clear what would have to change."""
    with pytest.raises(DataError, match="cache_query selects other than one value"):
        load_interactions(settings(shop, cache_query=query), ITEMS, keep_in=tmp_path / "tables")


@pytest.mark.parametrize(
    ("query", "message"),
    [("SELECT max(item) FROM sales WHERE 0", "selects NULL"), ("SELECT FRO", "no such column: FRO")],
)
def test_a_cache_query_that_says_nothing_is_named(
    shop: Path, tmp_path: Path, query: str, message: str
) -> None:
    """NULL would be the version of any rows; and what is wrong is of the cache query, not the table."""
    with pytest.raises(DataError, match=f"shop.db: data.cache_query.*{message}") as caught:
        load_interactions(settings(shop, cache_query=query), ITEMS, keep_in=tmp_path / "tables")
    assert "table sales" not in caught.value.message
    assert not (tmp_path / "tables").exists()
