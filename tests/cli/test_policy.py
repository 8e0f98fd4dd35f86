"""`feddmf party policy check`: what a party's policy says of a run, beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feddmf import free_space
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.run_folder import RunFolder
from support.authority import EnrolledFederation
from support.cli import Cli, listing

RUN = """\
name = "Spring"
purpose = "campaign spring"
parties = ["acme", "bolt"]
recipe = "embedding"

[alignment]
syncs_per_epoch = 1
"""


@pytest.fixture
def home(federation: EnrolledFederation) -> Path:
    """Return the folder of a party that has accepted a catalogue and offers six items."""
    return federation.parties["acme"]


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run file as the operator would send it."""
    path = tmp_path / "spring.toml"
    path.write_text(RUN)
    return path


def test_a_run_that_is_allowed_is_shown_with_all_that_it_asks_for(
    cli: Cli, home: Path, run_file: Path
) -> None:
    """From the run file and this party's own files alone; nothing is written of a table this small."""
    before = listing(home)
    data = cli.data("party", "policy", "check", run_file, "--folder", home)
    assert (data["run"], data["purpose"], data["allowed"]) == ("spring", "campaign spring", True)
    assert data["objections"] == []
    assert (data["asks"]["items"], data["asks"]["offered"]) == (22, 6)
    assert data["asks"]["kinds"] == ["item_vectors", "loss_scalar", "attribute_vector"]
    text = cli.text("party", "policy", "check", run_file, "--folder", home)
    assert "campaign spring" in text
    assert listing(home) == before


def test_a_run_that_would_be_declined_names_every_line_that_would_change_that(
    cli: Cli, home: Path, run_file: Path
) -> None:
    """As the node would, with the words that the operator would read; copied, the lines allow it."""
    policy = home / "policy.toml"
    policy.write_text('purposes = ["autumn *"]\nitems = ["m*"]\nprotocols = ["fcf"]\n')
    code, out, err = cli.call("party", "policy", "check", run_file, "--folder", home)
    assert code != 0
    assert "campaign spring" in out
    for words in ("is for 'campaign spring'", "tells of item 'acme-000' and 5 more", "uses protocol feddmf"):
        assert words in err
    policy.write_text('purposes = ["campaign *"]\nitems = ["m*", "acme-*"]\n')
    assert cli.data("party", "policy", "check", run_file, "--folder", home)["allowed"]


def test_a_run_without_this_party_is_none_of_its_business(cli: Cli, home: Path, run_file: Path) -> None:
    """It is said who takes part; a file that is not there is an error, too."""
    run_file.write_text(RUN.replace('"acme"', '"cargo"'))
    code, _, err = cli.call("party", "policy", "check", run_file, "--folder", home)
    assert code != 0
    assert "is a run of cargo, bolt, without acme" in err
    gone = run_file.with_name("gone.toml")
    assert "gone.toml" in cli.fails(4, "party", "policy", "check", gone, "--folder", home)


PRIVATE = """
name = "Quiet"
purpose = "a test"
parties = ["acme", "bolt"]
protocol = "transfer"

[privacy]
mode = "gram"
epsilon = 4.0
delta = 1e-5
"""


def objections(cli: Cli, home: Path, run_file: Path) -> list[dict[str, Any]]:
    """Return what a check that fails says for programs: one envelope, and exit code 4."""
    code, out, _ = cli.call("party", "policy", "check", run_file, "--folder", home, "--format", "json")
    assert code == 4
    data = json.loads(out)["data"]
    assert data["allowed"] is False
    found: list[dict[str, Any]] = data["objections"]
    return found


def test_all_that_would_decline_a_private_run_is_said_at_once(cli: Cli, home: Path, run_file: Path) -> None:
    """Protocol, few users, budget for life; the lines allow it, and the ledger says nothing of it."""
    run_file.write_text(PRIVATE)
    policy = home / "policy.toml"
    policy.write_text("min_users = 41\n\n[privacy]\nlifetime_epsilon = 4.5\n")
    charge = {"event": "charge", "run": "r-1", "epsilon": 4.0, "delta": 1e-5, "sigma": 1.081, "items": "d"}
    ledger = LedgerFile(PartyFolder(home).ledger)
    ledger.append(charge)
    before = len(ledger)
    found = objections(cli, home, run_file)
    told = (
        "uses protocol transfer",
        "acme has 40 users; its policy wants 41",
        "is private with epsilon 4, under",
        "would bring the epsilon spent from 4.00 to",
    )
    assert [each["reason"].startswith(words) for each, words in zip(found, told, strict=True)] == [True] * 4
    code, _, err = cli.call("party", "policy", "check", run_file, "--folder", home)
    assert code == 4
    assert "fewer than 3000 users teach little" in err
    assert "to do: take part with more users, or lower min_users in policy.toml" in err
    assert "the node would decline run quiet" in err
    lines = [each["line"].removeprefix("[privacy] ") for each in found if each["line"]]
    policy.write_text("\n".join([lines[0], "[privacy]", *lines[1:]]))
    assert cli.data("party", "policy", "check", run_file, "--folder", home)["allowed"]
    ledger.refresh()
    assert len(ledger) == before


def test_what_tables_and_earlier_runs_hold_against_a_run_is_said(
    cli: Cli, home: Path, run_file: Path
) -> None:
    """Too few users, a run that was there before, a table that cannot be read."""
    (home / "policy.toml").write_text("min_users = 41\n")
    (found,) = objections(cli, home, run_file)
    assert found["reason"] == "acme has 40 users with an item of the catalogue; its policy wants 41"
    (home / "policy.toml").write_text("")
    kept = RunFolder(PartyFolder(home).runs / "spring")
    kept.path.mkdir(parents=True)
    (kept.path / "run.json").write_text("{}")
    (found,) = objections(cli, home, run_file)
    assert "holds a finished run of that id" in found["reason"]
    (kept.path / "run.json").unlink()
    (home / "interactions.csv").unlink()
    (found,) = objections(cli, home, run_file)
    assert "interactions.csv" in found["reason"]
    assert found["to_do"]


def test_a_disk_without_room_for_the_run_is_said(
    cli: Cli, home: Path, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the node would decline it; the run asks for the same room there."""
    monkeypatch.setattr(free_space, "free_bytes", lambda _: 1_000)
    (found,) = objections(cli, home, run_file)
    assert "which has 1.0 kB left" in found["reason"]
    assert "free space on that disk" in found["to_do"]
