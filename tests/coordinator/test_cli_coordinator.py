from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feddmf.cli.main import run
from feddmf_coordinator.settings import CoordinatorFolder
from support.authority import enrol


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A coordinator's folder, made by the command."""
    made = tmp_path / "coordinator"
    assert run(["coordinator", "init", "fed", "--folder", str(made), "--host", "hub.example"]) == 0
    return made


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_init_leaves_a_folder_and_tells_the_fingerprint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fingerprint is data; where the passphrase is, is said."""
    code = run(["coordinator", "init", "fed", "--folder", str(tmp_path / "c"), "--format", "json"])
    out, err = capsys.readouterr()
    assert code == 0
    assert len(json.loads(out)["data"]["root_fingerprint"]) == 95
    assert "passphrase" in err
    assert CoordinatorFolder(tmp_path / "c").passphrase_file.read_text().strip() not in out + err


def test_init_twice_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4 and what to do."""
    assert run(["coordinator", "init", "fed", "--folder", str(path)]) == 4
    assert "overwrites nothing" in capsys.readouterr().err


def test_a_bad_name_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the key."""
    assert run(["coordinator", "init", "My Fed", "--folder", str(tmp_path / "c")]) == 4
    assert "key federation = 'My Fed'" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_invite_names_its_file_and_hides_the_token(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The token is in the file and nowhere else."""
    capsys.readouterr()
    assert run(["coordinator", "invite", "acme", "--folder", str(path), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)["data"]
    text = Path(data["file"]).read_text()
    token = text.split('token = "')[1].split('"')[0]
    assert data["enrolment_address"] == "hub.example:8471"
    assert token not in out + err
    assert data["root_fingerprint"] in err


def test_approve_with_nothing_waiting_says_what_to_do(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, and the envelope holds the hint."""
    capsys.readouterr()
    assert run(["coordinator", "approve", "acme", "--folder", str(path), "--format", "json"]) == 4
    assert "feddmf party enroll" in _json(capsys)["error"]["hint"]


def test_revoke_counts_what_it_revoked(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One certificate, once."""
    enrol(CoordinatorFolder(path), "acme", tmp_path / "acme")
    capsys.readouterr()
    command = ["coordinator", "revoke", "acme", "--folder", str(path), "--format", "json"]
    assert run(command) == 0
    assert _json(capsys)["data"] == {"party": "acme", "revoked": 1}
    assert run(command) == 4


def test_renew_tells_until_when(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And that a server which runs takes it up."""
    capsys.readouterr()
    assert run(["coordinator", "renew", "--folder", str(path), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["data"]["valid_until"].endswith("+00:00")
    assert "takes it up by itself" in err


def test_another_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every verb says that the folder is no coordinator's."""
    for verb in (["invite", "acme"], ["approve", "acme"], ["revoke", "acme"], ["renew"]):
        assert run(["coordinator", *verb, "--folder", str(tmp_path)]) == 4
        assert "not a coordinator's folder" in capsys.readouterr().err
