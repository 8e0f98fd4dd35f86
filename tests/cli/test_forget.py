"""`feddmf party forget`: users out of everything that a folder keeps, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path

from feddmf_party.data.forgotten import load_forgotten
from support.authority import EnrolledFederation
from support.cli import Cli

ANN = 'acme, "u00"'
BOB = 'acme, "u01"'


def test_users_of_a_finished_run_are_forgotten(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """Named, or in a file; the run answers for all others, and a file of predictions loses their rows."""
    saved, users = tmp_path / "audience.csv", tmp_path / "users.txt"
    cli.text(
        "query",
        "audience",
        "--attribute",
        "bolt-00",
        "--size",
        "40",
        "--out",
        saved,
        "--anyway",
        "--folder",
        acme,
    )
    users.write_text(f"user\n{BOB}\n")
    data = cli.data("party", "forget", ANN, "--users", users, "--saved", saved, "--folder", acme)
    assert (data["users"], data["new"], data["runs"]) == (2, 2, {"try-out": 2})
    assert (data["saved"], data["trained"]) == ({str(saved): 2}, ["try-out"])
    assert len(saved.read_text().splitlines()) == 39
    assert "was not in this party's tables" in cli.fails(
        4, "query", "predict", "--attribute", "bolt-00", "--user", ANN, "--anyway", "--folder", acme
    )
    again = cli.data("party", "forget", ANN, "--folder", acme)
    assert (again["users"], again["new"], again["runs"]) == (1, 0, {})


def test_a_person_is_told_what_is_left_to_do(cli: Cli, federation: EnrolledFederation) -> None:
    """The table that still has them, an id that nothing has, files that nobody tracks."""
    home = federation.parties["acme"]
    code, out, err = cli.call("party", "forget", "u001", "nobody", "--folder", home)
    assert (code, out) == (4, "2 users named: 1 forgotten now, NOTHING FOUND of 1\n")
    assert "user 'nobody' is in nothing that was looked at" in err
    assert f"{home}/interactions.csv still has 1 of them" in err
    assert "not tracked" in err
    assert load_forgotten(home / "forgotten.json").knows("u001")
    # Who was named before is known, and nothing more is to be done.
    assert (
        cli.text("party", "forget", "u001", "nobody", "--folder", home)
        == "2 users named: 2 forgotten before\n"
    )
    data = cli.data("party", "status", "--folder", home)
    assert (data["forgotten"], data["learned_from_forgotten"]) == (2, [])


def test_nobody_and_no_folder_are_errors(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """Nothing is written."""
    assert "nobody is named" in cli.fails(4, "party", "forget", "--folder", acme)
    assert "is not a party's folder" in cli.fails(4, "party", "forget", "x", "--folder", tmp_path / "no")
    assert "cannot read" in cli.fails(4, "party", "forget", "--users", tmp_path / "no", "--folder", acme)
    assert not (acme / "forgotten.json").exists()
