"""Tables of a PostgreSQL server that the tests start, read by columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import ConnectError, DataError, FedDMFError, Refused
from feddmf_party.data import InteractionsSettings, PartyTable, alchemy, load_interactions
from support.postgres import PASSWORD, execute, postgres_server

ITEMS = ("a", "b", "7")
TABLE = """
CREATE SCHEMA shop;
CREATE TABLE shop."Sales" ("user" uuid, item text, quantity numeric, at timestamptz, number bigint);
INSERT INTO shop."Sales" VALUES
  ('00000000-0000-0000-0000-00000000000b', 'a', 1.5, '2011-01-01T00:00:00Z', 12),
  ('00000000-0000-0000-0000-00000000000a', 'b', 2, '2011-01-02T00:00:00Z', 11),
  ('00000000-0000-0000-0000-00000000000b', 'a', 0.25, '2011-01-03T01:00:00+01', 12),
  (NULL, 'b', 9, '2012-01-01T00:00:00Z', NULL);
CREATE TABLE shop.shares AS SELECT 'b' AS "%", 'b' AS "a%%b", 'a' AS item;
CREATE SEQUENCE shop.numbers;
CREATE TABLE hidden ("user" int, item text);
CREATE ROLE guest LOGIN PASSWORD 'p@ss word';
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server with tables; yield host, port and database of its URL."""
    with postgres_server() as at:
        execute(at, TABLE)
        yield at


def load(at: str, monkeypatch: pytest.MonkeyPatch, *, url: str | None = None, **keys: Any) -> PartyTable:
    """Load the table of sales, or what `keys` say, with the password in the environment."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    keys = keys if "query" in keys else {"table": "shop.Sales", **keys}
    url = url or f"postgresql://owner:${{SHOP_PASSWORD}}@{at}"
    return load_interactions(InteractionsSettings(url=url, **keys), ITEMS)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_table_reads_like_a_file(server: str, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Ids of type uuid, values of type numeric and times with zones come as text would, by either driver."""
    query = 'SELECT * FROM shop."Sales" WHERE "user" IS NOT NULL -- all but one'
    columns = {"value_column": "quantity", "timestamp_column": "at"}
    url = f"{scheme}://owner:${{SHOP_PASSWORD}}@{server}"
    table = load(server, monkeypatch, url=url, query=query, **columns)
    assert table.user_ids == tuple(f"00000000-0000-0000-0000-00000000000{end}" for end in "ab")
    assert table.interactions.indices.tolist() == [1, 0]
    assert table.interactions.values.tolist() == [2, 1.75]
    until = load(server, monkeypatch, url=url, query=query, until="2011-01-02T00:00:00Z", **columns)
    assert until.rows_kept == 1


def test_whole_numbers_are_ids(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of integers is its digits, in the order of text."""
    query = "SELECT number AS user, 'a' AS item FROM (VALUES (9::bigint), (10)) AS rows (number);"
    assert load(server, monkeypatch, query=query).user_ids == ("10", "9")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_percent_signs_are_as_they_are(server: str, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """In a pattern of a query, and in the name of a column."""
    url = f"{scheme}://owner:${{SHOP_PASSWORD}}@{server}"
    query = """SELECT item AS "user", item FROM shop."Sales" WHERE item LIKE 'a%'"""
    assert load(server, monkeypatch, url=url, query=query).user_ids == ("a",)
    for name in ("%", "a%%b"):
        table = load(server, monkeypatch, url=url, table="shop.shares", user_column=name)
        assert table.user_ids == ("b",)


@pytest.mark.parametrize(
    ("keys", "kind", "message"),
    [
        ({}, DataError, "table shop.Sales: row 4: column 'user': no id"),
        ({"table": "shop.sales"}, DataError, 'relation "shop.sales" does not exist'),
        ({"user_column": "usr"}, DataError, "no column 'usr'; it has 'user', 'item', 'quantity'"),
        ({"query": "SELECT FRO"}, DataError, 'the query: cannot be read: .*column "fro" does not exist'),
        ({"query": "SELECT 1/0 AS user, 'a' AS item"}, DataError, "division by zero"),
        ({"url": "postgresql://owner:wrong@{at}"}, Refused, "refuses: .*password authentication failed"),
        ({"url": "postgresql://owner:wrong@{at}x"}, Refused, "password authentication failed"),
        ({"url": "postgresql+psycopg://owner:wrong@{at}"}, Refused, "password authentication failed"),
        ({"url": "postgresql://owner:${SHOP_PASSWORD}@{at}x"}, ConnectError, '"postgresx" does not exist'),
        (
            {"url": "postgresql://guest:${SHOP_PASSWORD}@{at}", "table": "hidden"},
            Refused,
            "permission denied for table hidden",
        ),
    ],
)
def test_what_is_wrong_is_named(
    server: str, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], kind: type[FedDMFError], message: str
) -> None:
    """Server, table, column and row are named, and the password is not."""
    url = keys.get("url", "").replace("{at}", server) or None
    with pytest.raises(kind, match=message) as caught:
        load(server, monkeypatch, **{**keys, "url": url})
    said = f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
    assert not any(secret in said for secret in (PASSWORD, "p%40ss", "wrong"))
    assert caught.value.hint


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize(
    "written",
    [
        """WITH x AS (DELETE FROM shop."Sales" RETURNING item) SELECT item AS "user", item FROM x""",
        """SELECT 'x' AS "user", 'a' AS item INTO shop.made""",
        'SELECT 1; DROP TABLE shop."Sales"',
    ],
)
def test_nothing_is_written(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, written: str
) -> None:
    """By a query that would change or drop a table, by either driver, the table stays as it was."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    url = f"{scheme}://owner:${{SHOP_PASSWORD}}@{server}"
    for keys in ({"query": written}, {"table": "shop.Sales", "cache_query": written}):
        with pytest.raises(DataError):
            load_interactions(InteractionsSettings(url=url, **keys), ITEMS, keep_in=tmp_path / "tables")
    count = """SELECT count(*)::text AS "user", 'a' AS item FROM shop."Sales" AS sales"""
    assert load(server, monkeypatch, query=count).user_ids == ("4",)
    with pytest.raises(DataError, match=r'relation "shop\.made" does not exist'):
        load(server, monkeypatch, table="shop.made")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_the_server_itself_refuses_what_is_not_read(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    """What a rollback would not take back, such as the next value of a sequence, is not done either."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    url = f"{scheme}://owner:${{SHOP_PASSWORD}}@{server}"
    keys = InteractionsSettings(url=url, table="shop.Sales", cache_query="SELECT nextval('shop.numbers')")
    with pytest.raises(DataError, match=r"cannot execute nextval\(\) in a read-only transaction"):
        load_interactions(keys, ITEMS, keep_in=tmp_path / "tables")
    drawn = """SELECT is_called::text AS "user", 'a' AS item FROM shop.numbers"""
    assert load(server, monkeypatch, query=drawn).user_ids == ("false",)


def test_what_no_dialect_forbids_is_taken_back(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where nothing makes a transaction one that reads alone, it is rolled back."""
    monkeypatch.setattr(alchemy, "_READ_ONLY", {})
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    keys = InteractionsSettings(
        url=f"postgresql+psycopg://owner:${{SHOP_PASSWORD}}@{server}",
        query="SELECT 'u' AS \"user\", 'a' AS item",
        cache_query="""WITH x AS (DELETE FROM shop."Sales" RETURNING 1) SELECT count(*) FROM x""",
    )
    # A version that stays: each time there are rows to delete.
    kept = [load_interactions(keys, ITEMS, keep_in=tmp_path / "tables").kept for _ in range(2)]
    assert kept == [False, True]


@pytest.mark.parametrize(
    ("query", "message"),
    [("SELECT max(1) WHERE false", "NULL"), ("SELECT 1, 1", "one value"), ("SELECT FRO", '"fro" does not')],
)
def test_a_cache_query_that_says_nothing_is_named(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str, message: str
) -> None:
    """NULL and several values are no version, and the error is of the cache query alone."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    url = f"postgresql://owner:${{SHOP_PASSWORD}}@{server}"
    keys = InteractionsSettings(url=url, table="shop.Sales", cache_query=query)
    with pytest.raises(DataError, match=f"/postgres: data.cache_query.*{message}") as caught:
        load_interactions(keys, ITEMS, keep_in=tmp_path / "tables")
    assert "shop.Sales" not in caught.value.message
    assert caught.value.hint


def test_a_second_start_asks_for_one_value_alone(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With `cache_query` the rows are read once while its value stays."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    settings = InteractionsSettings(
        url=f"postgresql://owner:${{SHOP_PASSWORD}}@{server}",
        query="SELECT 1 AS user, 'a' AS item",
        cache_query='SELECT max(at) FROM shop."Sales";',
    )
    kept = [load_interactions(settings, ITEMS, keep_in=tmp_path / "tables").kept for _ in range(2)]
    assert kept == [False, True]
