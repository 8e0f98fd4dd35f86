"""`feddmf privacy`: an attack before a run, and what runs have cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from support.authority import EnrolledFederation
from support.cli import Cli

RUN = """\
name = "Try out"
purpose = "a test"
parties = ["acme", "bolt"]
recipe = "embedding"

[model]
embedding_dim = 4
hidden_dim = 4

[training]
epochs = 2
"""
CHARGE = {"event": "charge", "epsilon": 1.0, "delta": 1e-5, "sigma": 3.731, "items": "d"}


@pytest.fixture
def home(federation: EnrolledFederation) -> Path:
    """Return the folder of a party with 40 users that has accepted a catalogue, and offers six items."""
    folder = federation.parties["acme"]
    (folder / "policy.toml").write_text("min_support = 2\nmin_users = 2\n")
    return folder


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run file whose training is over in a moment."""
    (tmp_path / "run.toml").write_text(RUN)
    return tmp_path / "run.toml"


def test_a_run_is_attacked_before_it_is_joined(cli: Cli, home: Path, run_file: Path) -> None:
    """Figures, no ceiling where nothing is private, a verdict; the ledger stays as it was."""
    asked = ["privacy", "attack", run_file, "--models", "6", "--folder", home]
    before = len(list(LedgerFile(PartyFolder(home).ledger).records()))
    data = cli.data(*asked, "--users", "10")
    assert (data["run"], data["protocol"], data["ceiling"]) == ("try-out", "feddmf", None)
    assert (data["models"], data["users"], data["users_a_model"], data["items"]) == (6, 10, 20, 22)
    assert data["auc_lower"] <= data["auc"] <= data["auc_upper"]
    text = cli.text(*asked)
    first, second, _, last = text.splitlines()
    assert first == "6 models of 20 users each, 22 items released, 40 users to be found"
    assert second.startswith("attack: AUC 0.")
    assert last.startswith("verdict: who knows a user's items learns ")
    assert len(list(LedgerFile(PartyFolder(home).ledger).records())) == before


def test_an_attack_that_cannot_be_made_is_said(cli: Cli, home: Path, run_file: Path) -> None:
    """An odd number of models, a run of others, a run that the policy declines anyway."""
    asked = ["privacy", "attack", run_file, "--folder", home]
    assert "7 shadow models" in cli.fails(4, *asked, "--models", "7")
    run_file.write_text(RUN.replace('"acme", "bolt"', '"bolt", "cargo"'))
    assert "without acme" in cli.fails(4, *asked)
    run_file.write_text(RUN.replace('recipe = "embedding"', 'protocol = "fcf"'))
    assert "fcf" in cli.fails(4, *asked)


def test_the_report_composes_charges(cli: Cli, home: Path) -> None:
    """Two of epsilon 1 are 1.47 together; the second has not been drawn, and counts."""
    assert cli.data("privacy", "report", "--folder", home)["runs"] == []
    ledger = LedgerFile(PartyFolder(home).ledger)
    ledger.append({**CHARGE, "run": "r-1"})
    ledger.append({"event": "private_release", "run": "r-1", "charge": 0, "sha256": "e"})
    ledger.append({**CHARGE, "run": "r-2", "override_by": "Ann"})
    data = cli.data("privacy", "report", "--folder", home)
    assert (data["lifetime"], data["delta"]) == (10, 1e-5)
    assert data["epsilon"] == pytest.approx(1.47, abs=0.01)
    assert data["left"] == pytest.approx(10 - data["epsilon"])
    first, second = data["runs"]
    assert (first["run"], first["released"], first["override_by"]) == ("r-1", True, "")
    assert (second["run"], second["released"], second["override_by"]) == ("r-2", False, "Ann")
    assert first["together"] == pytest.approx(1.0, abs=0.01)
    assert second["together"] == data["epsilon"]
    _, text, said = cli.call("privacy", "report", "--folder", home)
    assert [line.split()[0] for line in text.splitlines()] == ["record", "1", "3"]
    assert "spent: epsilon 1.465 at delta 1e-05, of 10 for life" in said


def test_the_report_is_of_a_party_with_a_whole_ledger(cli: Cli, home: Path, tmp_path: Path) -> None:
    """Another folder has none; a record that was changed is named."""
    assert "is not a party's folder" in cli.fails(4, "privacy", "report", "--folder", tmp_path)
    path = PartyFolder(home).ledger
    LedgerFile(path).append({**CHARGE, "run": "r-1"})
    path.write_text(path.read_text().replace('"epsilon": 1.0', '"epsilon": 0.1'))
    assert "record 1 was changed" in cli.fails(4, "privacy", "report", "--folder", home)
