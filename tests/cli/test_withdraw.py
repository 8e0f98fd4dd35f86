"""`feddmf attributes withdraw` and what `attributes list` says of what is not to be had any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.ledger import PUBLISHING
from feddmf_party.cli import attributes
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import Withdrawal, keep_until
from feddmf_party.withdrawals import take_in
from support.authority import EnrolledFederation
from support.cli import Cli, listing

SOLD = Withdrawal(1_763_683_200_000, "try-out", "bolt", ("bolt-01",), "sold")  # 2025-11-21
REASON = ("--reason", "the brand asked for it")


@pytest.fixture
def home(federation: EnrolledFederation) -> Path:
    """Return the folder of a party that offers six items, and has published after one run."""
    home = federation.parties["acme"]
    LedgerFile(home / "ledger.jsonl").append({"event": "release", "run": "r-1", "phase": PUBLISHING})
    return home


def test_what_is_taken_back_is_said(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what a next run would publish again."""
    calls: list[Any] = []
    monkeypatch.setattr(attributes, "call_coordinator", lambda *call: calls.append(call))
    words = ("attributes", "withdraw", "acme-000", "acme-000", "acme-001", "--run", "r-1", *REASON)
    data = cli.data(*words, "--folder", home)
    assert data == {"run": "r-1", "keys": ["acme-000", "acme-001"], "all": False, "reason": REASON[1]}
    code, out, err = cli.call(*words, "--folder", home)
    assert (code, out) == (0, "taken back of run r-1: 2 items\n")
    assert f"2 of them are still in {home}/offer.toml" in err
    text = cli.text("attributes", "withdraw", "--all", "--run", "r-1", *REASON, "--folder", home)
    assert text == "taken back of run r-1: everything\n"
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run", "r-1", *REASON], "say what to take back"),
        (["acme-000", "--all", "--run", "r-1", *REASON], "say what to take back"),
        (["acme-000", *REASON], "--run"),
        (["acme-000", "--run", "r-2", *REASON], "no publication after a run 'r-2'"),
        (["acme-000", "--run", "r-1"], "--reason"),
    ],
)
def test_what_makes_no_sense_changes_nothing(cli: Cli, home: Path, arguments: list[str], words: str) -> None:
    """Nothing named, too much, without a run or a reason, a run that is none: the ledger has no slip."""
    before = listing(home)
    assert words in cli.fails(4, "attributes", "withdraw", *arguments, "--folder", home)
    assert listing(home) == before


def test_without_a_coordinator_nothing_is_taken_back(cli: Cli, home: Path) -> None:
    """And the ledger says nothing of it: nobody was told."""
    words = ("attributes", "withdraw", "acme-000", "--run", "r-1", *REASON, "--folder", home)
    code, _, err = cli.call(*words)
    assert code == 2, err
    assert "withdrawal" not in (home / "ledger.jsonl").read_text()


def test_a_party_sees_what_was_taken_back_and_until_when_the_rest_holds(cli: Cli, acme: Path) -> None:
    """The column is there where anything ends; what is gone stands below, with the reason."""
    kept = RunFolder(acme / "runs" / "try-out")
    take_in([kept], [SOLD])
    keep_until(kept.path, {"bolt": 4_102_444_800_000})  # 2100-01-01
    data = cli.data("attributes", "list", "--folder", acme)
    assert len(data["attributes"]) == 7
    assert {each["until"] for each in data["attributes"]} == {"2100-01-01"}
    (gone,) = data["unavailable"]
    assert (gone["key"], gone["owner"]) == ("bolt-01", "bolt")
    assert gone["why"] == "withdrawn by bolt on 2025-11-21: sold"
    code, out, err = cli.call("attributes", "list", "--folder", acme)
    assert (code, out.splitlines()[1].split()) == (0, ["key", "label", "owner", "until"])
    assert err == "not to be asked for: bolt-01: withdrawn by bolt on 2025-11-21: sold\n"
    said = cli.fails(4, "query", "audience", "--attribute", "bolt-01", "--folder", acme)
    assert "withdrawn by bolt on 2025-11-21: sold" in said


def test_when_all_has_ended_the_list_says_so(cli: Cli, acme: Path) -> None:
    """No error: there was something, and it is told why it is not there."""
    keep_until(acme / "runs" / "try-out", {"bolt": 1_763_683_200_000})
    code, out, err = cli.call("attributes", "list", "--owner", "bolt", "--folder", acme)
    assert (code, out.splitlines()[0]) == (0, "run try-out: 0 attributes")
    assert err.endswith("and 3 more: published by bolt until 2025-11-21\n")
