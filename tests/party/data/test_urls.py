"""URLs of databases: what is filled in, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import ConfigError
from feddmf_party.data.urls import below, expand, is_unclear, is_url, masked, shown_url, sqlite_file


def test_variables_are_filled_in_and_quoted() -> None:
    """A password from the environment may hold any character; a whole URL stays as it is."""
    environ = {"PASSWORD": "p@s/s word", "URL": "sqlite:///a b.db"}
    assert expand("db://me:${PASSWORD}@host/x", environ) == "db://me:p%40s%2Fs%20word@host/x"
    assert expand("${URL}", environ) == "sqlite:///a b.db"
    path = {"FOLDER": "/my data", "KEY": "a/b"}
    assert expand("sqlite:///${FOLDER}/shop.db?key=${KEY}", path) == "sqlite:////my data/shop.db?key=a%2Fb"


@pytest.mark.parametrize(
    ("url", "message"),
    [("db://me:${PASSWORD}@host", "variable PASSWORD, which is not set"), ("db://${a b}", "names no")],
)
def test_a_variable_that_is_not_set_is_named(url: str, message: str) -> None:
    """The variable is named, and what to do."""
    with pytest.raises(ConfigError, match=message) as caught:
        expand(url, {"PASSWORD": ""})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql://me:secret@db.example.com:5433/shop?password=secret",
            "postgresql://db.example.com:5433/shop",
        ),
        ("postgresql://me:${PASSWORD}@db/shop", "postgresql://db/shop"),
        ("${URL}", "${URL}"),
        ("sqlite:////data/shop.db", "sqlite:////data/shop.db"),
        ("secret", "the database"),
        ("db://me:secret@[host", "the database"),
        ("db://me:12/34secret@host:1/x", "db://host:1/x"),
        ("db://me:/secret@host/x", "db://host/x"),
        ("db://me:99#secret@host/x", "db://host/x"),
        ("db://me:s@cret/secret@host/x", "db://host/x"),
        ("db://me:9?secret@host/x", "the database"),
        ("db://host/x?password=p@secret", "the database"),
        ("db://host;password=secret/x", "the database"),
        ("db://host/x?token=secret", "db://host/x"),
        ("db://me:secret", "the database"),
        ("db://me:secret/x", "the database"),
        ("db://me secret", "the database"),
        ("db://host", "db://host"),
        ("db://[::1]:5432/x", "db://::1:5432/x"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dsecret", "mssql+pyodbc:///"),
        ("sqlite:////data/me@work/shop.db?key=secret", "sqlite:////data/me@work/shop.db"),
    ],
)
def test_what_is_shown_holds_no_secret(url: str, shown: str) -> None:
    """Scheme, host, port and database alone."""
    assert shown_url(url) == shown


def test_what_drivers_say_is_masked() -> None:
    """Passwords and the URL itself are taken out of what a driver says, quoted and not."""
    url = "db://me:p%40ss@host/x?sslpassword=other"
    said = masked(f"no\n  {url}: p@ss and p%40ss, other", url)
    assert said == "no ***: *** and ***, ***"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("db://me:12/34secret@host/x", "port 12, database 34secret@host/x"),
        ("db://me:9?secret@host/x", "port 9, option secret@host"),
        ("db://me:a@secret@host/x", "password a, host secret@host"),
        ("db://me:a%40secret@host/x", "password a%40secret, a@secret, host secret"),
        ("db://secret@host/x", "no user 'secret'"),
        ("db://me:secret", 'value "secret" for "port"'),
        ("db://me:secret/x", 'value "secret" for "port"'),
        ("db://me:x9,secret/x", 'no host "secret"'),
        ("db://me secret", 'spaces in "me secret"'),
        ("db://host/x?token=secret&a=1", "token secret"),
        ("db://host/x?odbc_connect=DRIVER%3D%7Bx%7D%3BPWD%3D%7Bsecret%7D", "PWD=secret"),
    ],
)
def test_what_drivers_take_a_secret_for_is_masked(url: str, said: str) -> None:
    """Drivers differ on where a password ends, and show its parts as hosts, ports and databases."""
    assert "secret" not in masked(said, url)
    assert "***" in masked(said, url)


@pytest.mark.parametrize(
    ("url", "unclear"),
    [
        ("db://me:p%40ss@host:1/x", False),
        ("db://host:1,[::1]:2/x", False),
        ("db:///x", False),
        ("db://me:a#b@host", True),
        ("db://me:a%b@host", True),
        ("db://me:secret/x", True),
    ],
)
def test_a_password_that_drivers_may_take_apart_is_known(url: str, *, unclear: bool) -> None:
    """By characters that end it, or for want of an @ after it."""
    assert is_unclear(url) == unclear


def test_a_url_is_told_from_a_path() -> None:
    """Also with one slash, which is what a path leaves of two."""
    assert is_url("postgresql://me@host")
    assert is_url("sqlite+x:/shop.db")
    assert not any(map(is_url, ("sales.csv", "/data/a:/b.csv", "C:/sales.csv", "10:/a.csv")))


def test_few_letters_are_masked_as_words() -> None:
    """A short password does not take words apart, and a user beside it is shown."""
    assert masked("user 'owner': e is not the password", "db://owner:e@host") == (
        "user 'owner': *** is not the password"
    )


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite+pysqlite:////data/shop.db?timeout=5", "/data/shop.db"),
        ("sqlite:///file:///data/my%20shop.db?mode=ro&uri=true", "/data/my shop.db"),
        ("sqlite:///file:shop.db?uri=true", "shop.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://host/shop.db", None),
    ],
)
def test_the_file_of_an_sqlite_database_is_known(url: str, file: str | None) -> None:
    """However its URL is written; none for a server, or for memory."""
    assert sqlite_file(url) == (None if file is None else Path(file))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sqlite:///shop.db", "sqlite:////home/acme/shop.db"),
        ("sqlite+pysqlite:///a/shop.db", "sqlite+pysqlite:////home/acme/a/shop.db"),
        ("sqlite:////data/shop.db", "sqlite:////data/shop.db"),
        ("sqlite:///file:shop.db?uri=true", "sqlite:///file:/home/acme/shop.db?uri=true"),
        ("sqlite:///file:/data/shop.db?uri=true", "sqlite:///file:/data/shop.db?uri=true"),
        ("sqlite:///file::memory:?uri=true", "sqlite:///file::memory:?uri=true"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://host/shop.db", "postgresql://host/shop.db"),
    ],
)
def test_a_relative_sqlite_file_lies_below_the_folder(url: str, found: str) -> None:
    """Only an SQLite file with a relative path is looked for in the party's folder."""
    assert below(Path("/home/acme"), url) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("sqlite:///shop.db", "sqlite:////home/acme/shop.db"),
        ("db://me:secret@host", "${URL}"),
        ("", "${URL}"),
    ],
)
def test_a_variable_is_looked_up_for_a_relative_file_alone(value: str, found: str) -> None:
    """What else it holds, a password perhaps, stays in it."""
    assert below(Path("/home/acme"), "${URL}", {"URL": value}) == found
    assert below(Path("/home/acme"), "${URL}", {}) == "${URL}"


def test_a_path_that_a_variable_begins_is_absolute_where_its_value_is() -> None:
    """A folder or file in a variable is below the party's folder, unless it begins with a slash."""
    url = "sqlite:///${DATA}/shop.db"
    assert below(Path("/home/acme"), url, {"DATA": "/data"}) == url
    assert below(Path("/home/acme"), url, {"DATA": "data"}) == "sqlite:////home/acme/${DATA}/shop.db"
