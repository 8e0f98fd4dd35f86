"""`feddmf catalog match`: two parties, each with a file of its own, against a coordinator that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.authority import EnrolledFederation
from support.cli import Cli
from support.processes import Running, started

ALLOWED = 'release_kinds = ["psi_point"]\n'


@pytest.fixture
def serving(federation: EnrolledFederation, tmp_path: Path) -> Iterator[Running]:
    """Serve the federation."""
    with started(
        tmp_path, "hub-log", "coordinator", "start", "--folder", str(federation.folder.path)
    ) as running:
        running.until("is served at")
        yield running


@pytest.fixture
def acme(federation: EnrolledFederation) -> Path:
    """Return acme's folder, whose policy lets points out, with a list of items."""
    return _prepared(
        federation.parties["acme"], "items.csv", "ean,label,local_id\n1,One,a1\n2,Two,a2\n3,,a3\n"
    )


@pytest.fixture
def bolt(federation: EnrolledFederation) -> Path:
    """Return bolt's folder, with a list of keys."""
    return _prepared(federation.parties["bolt"], "items.txt", "3\n2\n9\n\n8\n")


def _prepared(folder: Path, name: str, items: str) -> Path:
    (folder / "policy.toml").write_text(ALLOWED)
    (folder / name).write_text(items)
    return folder


@pytest.mark.usefixtures("serving")
def test_two_parties_match_and_the_operator_publishes_what_they_found(
    cli: Cli, federation: EnrolledFederation, acme: Path, bolt: Path, tmp_path: Path
) -> None:
    """Each gets a file of its own rows, is told who learned what, and may not do it again."""
    theirs = ["catalog", "match", "--with", "acme", "--folder", str(bolt), "--items", str(bolt / "items.txt")]
    mine = ["catalog", "match", "--with", "bolt", "--folder", acme, "--items", acme / "items.csv"]
    mine += ["--column", "ean"]
    with started(tmp_path, "bolt-log", *theirs) as running:
        data = cli.data(*mine, "--out", tmp_path / "mine.csv")
        running.until("could test no more")
        said = running.said
    assert data == {
        "peer": "bolt",
        "version": 1,
        "own": 3,
        "theirs": 4,
        "common": ["2", "3"],
        "file": str(tmp_path / "mine.csv"),
    }
    assert (tmp_path / "mine.csv").read_text() == "key,label,local_id:acme\n2,Two,a2\n3,3,a3\n"
    assert (bolt / "common-acme.csv").read_text() == "key,label,local_id:bolt\n2,2,2\n3,3,3\n"
    assert "acme and the coordinator learned that this party brought 4 items and that 2 are common" in said
    assert (
        "of the other 2 nobody learned anything, but what acme, or a coordinator in its place, guessed: it "
        in said
    )
    assert "has matched with bolt under catalogue version 1 already" in cli.fails(4, *mine)
    hub = federation.folder.path
    published = cli.data(
        "catalog", "publish", tmp_path / "mine.csv", bolt / "common-acme.csv", "--folder", hub
    )
    assert (published["version"], published["items"]) == (2, 2)
    assert [each["party"] for each in published["parties"]] == ["acme", "bolt"]


@pytest.mark.usefixtures("serving")
def test_a_peer_that_does_not_come_is_named(cli: Cli, acme: Path) -> None:
    """With the exit code of a wait that ended, and what to do."""
    said = cli.fails(
        3, "catalog", "match", "--with", "bolt", "--folder", acme, "--items", acme / "items.csv",
        "--column", "ean", "--wait", "0",
    )  # fmt: skip
    assert "bolt has not begun to match with acme under catalogue version 1" in said
    assert "feddmf catalog match --with acme" in said


def match(folder: Path, *more: object, peer: str = "bolt") -> list[object]:
    """Return the command with a list of items that is in order."""
    items = folder / "items.csv"
    return [
        "catalog",
        "match",
        "--with",
        peer,
        "--folder",
        folder,
        "--items",
        items,
        "--column",
        "ean",
        *more,
    ]


def test_what_is_wrong_is_said_before_anybody_is_called(cli: Cli, acme: Path) -> None:
    """No coordinator runs here: a list, a peer, a place or a policy that does not do is found without it."""
    assert "acme is this party itself" in cli.fails(4, *match(acme, peer="acme"))
    assert "'No One' cannot be a party's id" in cli.fails(4, *match(acme, peer="No One"))
    assert "is one of the party's own files" in cli.fails(4, *match(acme, "--out", acme / "ledger.jsonl"))
    assert "is one of the party's own files" in cli.fails(4, *match(acme, "--out", acme / "matchings" / "x"))
    missing = cli.fails(4, *match(acme, "--column", "gtin"))
    assert "items.csv line 1: the columns are ean, label, local_id" in missing
    assert "--column" in missing
    (acme / "items.csv").write_text("ean\n1\n2\n1\n")
    assert "items.csv line 4: key '1' is also on line 2" in cli.fails(4, *match(acme))


def test_the_policy_must_let_points_out(cli: Cli, acme: Path) -> None:
    """Unless a person has allowed it, nothing leaves; the line that allows it is told, and it works."""
    policy = acme / "policy.toml"
    policy.write_text("")
    said = cli.fails(4, *match(acme))
    assert "a matching sends psi_point (points), which the policy keeps in" in said
    line = said.split("policy.toml: ")[1].splitlines()[0]
    policy.write_text(f"max_matching_items = 2\n{line}\n")
    assert "3 items are more than max_matching_items = 2" in cli.fails(4, *match(acme))
    policy.write_text(line)
    # It gets as far as the coordinator, which is not there.
    (acme / "party.toml").write_text('[data]\npath = "x.csv"\n[node]\nreconnect_s = 0.1\n')
    assert "cannot be reached" in cli.fails(2, *match(acme))
    assert not (acme / "ledger.jsonl").exists()
