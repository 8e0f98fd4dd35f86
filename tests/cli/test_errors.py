"""Every kind of error that the command line can end with, by its name in the envelope and its exit code."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import delete

from feddmf.cli.main import run
from feddmf_coordinator import enrolling
from feddmf_coordinator.cli import run as run_commands
from feddmf_coordinator.store.catalogues import acceptances
from feddmf_coordinator.store.runs import RunState, set_state
from support.authority import EnrolledFederation
from support.damage import edit
from support.federation import quick_run, submit
from support.shops import Shops

RUN = 'name = "Try"\npurpose = "a test"\nparties = ["acme", "bolt"]\n'


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run file."""
    file = tmp_path / "run.toml"
    file.write_text(RUN)
    return file


def ended(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run a command that fails; return its exit code and the kind in its envelope, which has a hint too."""
    capsys.readouterr()
    code = run([str(argument) for argument in (*arguments, "--format", "json")])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["error"]["exit_code"] == code
    assert told["error"]["message"]
    assert told["error"]["hint"]
    return code, str(told["error"]["kind"])


Caps = pytest.CaptureFixture[str]


def test_nothing_is_wrong(federation: EnrolledFederation, capsys: Caps) -> None:
    """A command that has done what it should."""
    assert run(["run", "list", "--folder", str(federation.folder.path)]) == 0
    assert capsys.readouterr().err


def test_a_defect(
    federation: EnrolledFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Caps
) -> None:
    """What nobody foresaw is told as a defect, and its traceback is in a file."""

    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(run_commands, "list_runs", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ended(capsys, "run", "list", "--folder", federation.folder.path) == (5, "FedDMFError")
    (report,) = tmp_path.glob("feddmf-defect-*.txt")
    assert "ZeroDivisionError: oops" in report.read_text()


def test_input(federation: EnrolledFederation, capsys: Caps) -> None:
    """A run that does not exist."""
    assert ended(capsys, "run", "show", "nosuch-1", "--folder", federation.folder.path) == (4, "InputError")


def test_usage(federation: EnrolledFederation, capsys: Caps) -> None:
    """An option that does not exist."""
    found = ended(capsys, "run", "list", "--nosuch", "--folder", federation.folder.path)
    assert found == (4, "InputError")


def test_config(federation: EnrolledFederation, run_file: Path, capsys: Caps) -> None:
    """A run file with a key that does not exist."""
    run_file.write_text(RUN + "sede = 3\n")
    found = ended(capsys, "run", "submit", run_file, "--folder", federation.folder.path)
    assert found == (4, "ConfigError")


def test_data(shops: Shops, tmp_path: Path, capsys: Caps) -> None:
    """A table without the column that party.toml names."""
    edit(shops.folder("acme") / "interactions.csv", "user,item", "customer,item")
    assert ended(capsys, *shops.simulate(tmp_path / "out")) == (4, "DataError")


def test_catalogue(federation: EnrolledFederation, run_file: Path, capsys: Caps) -> None:
    """A run with a party that has not accepted the catalogue."""
    with federation.open_database() as database, database.begin() as connection:
        connection.execute(delete(acceptances).where(acceptances.c.party == "bolt"))
    found = ended(capsys, "run", "submit", run_file, "--folder", federation.folder.path)
    assert found == (4, "CatalogueError")


def test_policy(shops: Shops, tmp_path: Path, capsys: Caps) -> None:
    """A run that a party's policy is against."""
    (shops.folder("acme") / "policy.toml").write_text("protocols = []\n")
    assert ended(capsys, *shops.simulate(tmp_path / "out")) == (4, "PolicyError")


def test_a_run_that_failed(federation: EnrolledFederation, capsys: Caps) -> None:
    """Whoever watches it ends with its reason."""
    name = submit(federation, quick_run(("acme", "bolt")))
    with federation.open_database() as database, database.begin() as connection:
        state = RunState.FAILED
        set_state(connection, name, state, now=enrolling.datetime.now(), reason="a test", hint="none")
    assert ended(capsys, "run", "watch", name, "--folder", federation.folder.path) == (1, "RunFailed")


def test_misconduct(shops: Shops, tmp_path: Path, capsys: Caps) -> None:
    """A run in which a party's vectors do not follow their targets, by a floor that nobody reaches."""
    edit(shops.run_file, 'purpose = "a test"', 'purpose = "a test"\nrecipe = "embedding"')
    floor = "\n[enforcement]\nwarmup_rounds = 1\nfollow_floor = 1.0\nfollow_rounds = 1\n"
    shops.run_file.write_text(shops.run_file.read_text() + floor)
    assert ended(capsys, *shops.simulate(tmp_path / "out")) == (1, "Misconduct")


def test_no_connection(federation: EnrolledFederation, tmp_path: Path, capsys: Caps) -> None:
    """Nobody listens where the invitation leads."""
    made = enrolling.invite(federation.folder, "cargo")
    home = tmp_path / "cargo"
    assert run(["party", "init", "--folder", str(home)]) == 0
    arguments = ("--invite", made.file, "--wait", "0", "--fingerprint", made.root_fingerprint)
    found = ended(capsys, "party", "enroll", *arguments, "--folder", home)
    assert found == (2, "ConnectError")


def test_not_authorised(federation: EnrolledFederation, run_file: Path, capsys: Caps) -> None:
    """A change of the federation without an operator's token."""
    federation.folder.operator_token.unlink()
    found = ended(capsys, "run", "submit", run_file, "--folder", federation.folder.path)
    assert found == (2, "Refused")


def test_a_wait_that_ended(federation: EnrolledFederation, capsys: Caps) -> None:
    """A run that is watched for no time at all."""
    name = submit(federation, quick_run(("acme", "bolt")))
    found = ended(capsys, "run", "watch", name, "--wait", "0", "--folder", federation.folder.path)
    assert found == (3, "TimedOut")


def test_a_local_resource(federation: EnrolledFederation, capsys: Caps) -> None:
    """A file that cannot be written where it should be."""
    found = ended(capsys, "audit", "export", "--out", "/dev/full", "--folder", federation.folder.path)
    assert found == (6, "LocalResourceError")
