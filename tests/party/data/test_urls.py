"""URLs of databases: what is filled in, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import ConfigError
from feddmf_party.data.urls import below, expand, masked, shown_url


def test_variables_are_filled_in_and_quoted() -> None:
    """A password from the environment may hold any character; a whole URL stays as it is."""
    environ = {"PASSWORD": "p@s/s word", "URL": "sqlite:///a b.db"}
    assert expand("db://me:${PASSWORD}@host/x", environ) == "db://me:p%40s%2Fs%20word@host/x"
    assert expand("${URL}", environ) == "sqlite:///a b.db"


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
    ("url", "found"),
    [
        ("sqlite:///shop.db", "sqlite:////home/acme/shop.db"),
        ("sqlite+pysqlite:///a/shop.db", "sqlite+pysqlite:////home/acme/a/shop.db"),
        ("sqlite:////data/shop.db", "sqlite:////data/shop.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://host/shop.db", "postgresql://host/shop.db"),
    ],
)
def test_a_relative_sqlite_file_lies_below_the_folder(url: str, found: str) -> None:
    """Only an SQLite file with a relative path is looked for in the party's folder."""
    assert below(Path("/home/acme"), url) == found
