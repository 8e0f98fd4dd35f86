"""`feddmf token` and `feddmf api log`: who may ask the query API, and who asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf_party.folder import PartyFolder
from feddmf_party.query_log import Asked, QueryLog
from feddmf_party.tokens import Holder, Role, TokenFile
from support.cli import Cli


@pytest.fixture
def folder(cli: Cli, tmp_path: Path) -> Path:
    """Return the folder of a party that was just made."""
    cli.text("party", "init", "--folder", tmp_path / "acme")
    return tmp_path / "acme"


def test_a_token_is_printed_once(cli: Cli, folder: Path) -> None:
    """Alone on stdout, so that it can be piped; then it is in no listing and in no file."""
    where = PartyFolder(folder)
    secret = cli.text("token", "add", "ann", "--role", "analyst", "--folder", folder).strip()
    assert TokenFile(where.tokens).holder(secret) == Holder(name="ann", role=Role.ANALYST)
    listed = cli.text("token", "list", "--folder", folder)
    assert listed.split("\n")[1].split()[:3] == ["ann", "analyst", "valid"]
    kept = where.tokens.read_text() + listed + str(cli.data("token", "list", "--folder", folder))
    assert secret not in kept
    data = cli.data("token", "add", "bob", "--role", "auditor", "--days", "1", "--folder", folder)
    assert TokenFile(where.tokens).holder(data["token"]) == Holder(name="bob", role=Role.AUDITOR)


def test_a_revoked_token_is_listed_as_such(cli: Cli, folder: Path) -> None:
    """Names that are not there, or closed already, are mistakes."""
    cli.text("token", "add", "ann", "--role=engineer", "--folder", folder)
    assert cli.text("token", "revoke", "ann", "--folder", folder) == "the token of ann is revoked\n"
    (listed,) = cli.data("token", "list", "--folder", folder)["tokens"]
    assert (listed["state"], listed["revoked"] is None, "sha256" in listed) == ("revoked", False, False)
    error = cli.fails(4, "token", "revoke", "ann", "--folder", folder)
    assert "valid tokens: none" in error


def test_tokens_are_of_a_party(cli: Cli, tmp_path: Path, folder: Path) -> None:
    """Another folder has none; a role that is none, a day that is none and a taken name are said."""
    assert "is not a party's folder" in cli.fails(4, "token", "list", "--folder", tmp_path)
    assert "'boss'" in cli.fails(4, "token", "add", "x", "--role", "boss", "--folder", folder)
    cli.fails(4, "token", "add", "x", "--role", "analyst", "--days", "0", "--folder", folder)
    cli.text("token", "add", "x", "--role", "analyst", "--folder", folder)
    assert "revoke it first" in cli.fails(4, "token", "add", "x", "--role", "auditor", "--folder", folder)


def test_the_log_shows_who_asked_for_what(cli: Cli, folder: Path) -> None:
    """The last rows; one holder's alone; a changed record is named and nothing is shown."""
    path = PartyFolder(folder).query_log
    assert cli.data("api", "log", "--folder", folder) == {"records": [], "total": 0, "head": None}
    log = QueryLog(path)
    ann, bob = (Holder(name=name, role=Role.ANALYST) for name in ("ann", "bob"))
    log.append(ann, Asked("predictions", "r-1", ("a", "b", "c", "d"), 7, 28))
    log.append(bob, Asked("audience", None, (), 0, 0, "CatalogueError"))
    text = cli.text("api", "log", "--folder", folder)
    assert text.startswith("2 questions, the chain is whole\n")
    assert "a, b, c and 1 more" in text
    assert "CatalogueError" in text
    assert "ann" not in cli.text("api", "log", "--top", "1", "--folder", folder)
    (record,) = cli.data("api", "log", "--who", "ann", "--folder", folder)["records"]
    assert (record["rows"], record["attributes"]) == (28, ["a", "b", "c", "d"])
    path.write_text(path.read_text().replace('"rows": 28', '"rows": 2'))
    assert "record 0 was changed" in cli.fails(4, "api", "log", "--folder", folder)


def test_serving_needs_a_party(cli: Cli, tmp_path: Path, folder: Path) -> None:
    """And TLS where others could listen in."""
    assert "is not a party's folder" in cli.fails(4, "api", "serve", "--folder", tmp_path, json=False)
    error = cli.fails(4, "api", "serve", "--listen", "192.0.2.1", "--folder", folder, json=False)
    assert "--tls-cert" in error


def test_files_of_the_api_are_not_written_over(cli: Cli, folder: Path) -> None:
    """An export never takes the place of the tokens or of the log."""
    ask = ["query", "predict", "--attribute", "pen", "--folder", folder, "--out"]
    for path in (PartyFolder(folder).tokens, PartyFolder(folder).query_log):
        assert "one of the party's own files" in cli.fails(4, *ask, path)
