"""`feddmf party`: init, status, and the mistakes of enroll and start that need no coordinator."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.files import write_bytes
from feddmf.identity import parse_fingerprint
from feddmf_party.ledger_file import LedgerFile
from support.authority import EnrolledFederation, made_certificate, make_federation, open_authority
from support.cli import Cli, listing
from support.damage import GARBAGE, cut, edited, empty, garble, to_folder, written
from support.ports import free_ports


def test_init_names_what_it_wrote(cli: Cli, tmp_path: Path) -> None:
    """Two files, in a folder with a blank that did not exist."""
    folder = tmp_path / "new" / "my shop"
    assert cli.text("party", "init", "--folder", folder).splitlines() == [
        f"{folder}/party.toml",
        f"{folder}/policy.toml",
    ]
    # Vectors of users and keys come to lie in it.
    assert folder.stat().st_mode & 0o777 == 0o700
    data = cli.data("party", "init", "--folder", tmp_path / "other")
    assert data == {"settings": f"{tmp_path}/other/party.toml", "policy": f"{tmp_path}/other/policy.toml"}
    assert sorted(path.name for path in folder.iterdir()) == ["party.toml", "policy.toml"]


def test_init_overwrites_nothing(cli: Cli, tmp_path: Path) -> None:
    """Neither settings nor, where they are gone, the policy that somebody wrote."""
    (tmp_path / "policy.toml").write_text("max_rounds = 7\n")
    cli.text("party", "init", "--folder", tmp_path)
    assert (tmp_path / "policy.toml").read_text() == "max_rounds = 7\n"
    before = listing(tmp_path)
    assert "party.toml exists already" in cli.fails(4, "party", "init", "--folder", tmp_path)
    assert listing(tmp_path) == before


def test_init_needs_a_folder(cli: Cli, tmp_path: Path) -> None:
    """A file is none, and nothing is a folder below one."""
    (tmp_path / "file").write_text("mine")
    assert "file is not a folder" in cli.fails(4, "party", "init", "--folder", tmp_path / "file")
    assert "Not a directory" in cli.fails(6, "party", "init", "--folder", tmp_path / "file" / "below")
    assert listing(tmp_path) == {"file": b"mine"}


def test_status_of_a_party_in_order(cli: Cli, federation: EnrolledFederation) -> None:
    """Text and JSON say the same; there is no problem."""
    home = federation.parties["acme"]
    ledger = LedgerFile(home / "ledger.jsonl")
    ledger.append({"event": "join", "run": "r-1"})
    (home / "runs" / "r-1").mkdir(parents=True)
    (home / "runs" / "r-1" / "run.json").write_text("{}")
    data = cli.data("party", "status", "--folder", home)
    until = datetime.fromisoformat(data.pop("certificate_until"))
    assert timedelta(days=89) < until - datetime.now(UTC) < timedelta(days=91)
    root, key = (parse_fingerprint(data.pop(f"{name}_fingerprint")) for name in ("root", "key"))
    assert data == {
        "party": "acme",
        "federation": "testfed",
        "catalogue_versions": [1],
        "offered": 6,
        "ledger_records": 2,
        "runs": ["r-1"],
        "forgotten": 0,
        "ended": [],
        "learned_from_forgotten": [],
        "problems": [],
    }
    assert cli.text("party", "status", "--folder", home).splitlines() == [
        "party                acme",
        "federation           testfed",
        f"certificate until    {until:%Y-%m-%d %H:%M} UTC",
        f"root fingerprint     {root}",
        f"key fingerprint      {key}",
        "accepted catalogues  1",
        "offered items        6",
        "ledger records       2",
        "finished runs        r-1",
    ]


def test_status_of_a_new_party(cli: Cli, tmp_path: Path) -> None:
    """Not enrolled is a problem with what to do, no failure."""
    cli.text("party", "init", "--folder", tmp_path)
    code, out, err = cli.call("party", "status", "--folder", tmp_path)
    assert code == 0
    assert out.startswith("party                not enrolled\nfederation           -\n")
    assert err.startswith("problem: ")
    assert "feddmf party enroll" in err


@pytest.mark.parametrize("verb", [["status"], ["start"], ["enroll", "--invite", "x"]])
def test_a_folder_that_is_no_partys_is_said(
    cli: Cli, made_federation: EnrolledFederation, tmp_path: Path, verb: list[str]
) -> None:
    """An empty one, one that does not exist, the coordinator's."""
    for folder in (tmp_path, tmp_path / "nothing", made_federation.folder.path):
        before = listing(folder)
        said = cli.fails(4, "party", *verb, "--folder", folder, json=verb != ["start"])
        assert f"{folder} is not a party's folder" in said
        assert listing(folder) == before


BROKEN: list[tuple[str, Callable[[Path], object], str]] = [
    ("party.toml", garble, "party.toml: not UTF-8 text"),
    ("party.toml", empty, "party.toml: missing key data"),
    ("party.toml", edited("[node]", "[nod]"), "unknown key nod"),
    ("party.toml", edited("beat_s = 0.1", "beat_s = nan"), "key node.beat_s = nan"),
    ("party.toml", edited("beat_s = 0.1", 'beat_s = "soon"'), "key node.beat_s = 'soon'"),
    ("party.toml", edited("beat_s = 0.1", "beat_s = -1"), "key node.beat_s = -1"),
    ("policy.toml", written("max_round = 1"), "unknown key max_round"),
    (
        "policy.toml",
        written('release_kinds = ["users"]'),
        "key release_kinds.0 = 'users'",
    ),
    ("policy.toml", Path.mkdir, "policy.toml: Is a directory"),
    ("policy.toml", lambda path: path.symlink_to("gone"), "policy.toml: No such file"),
    ("offer.toml", written('items = ["a'), "offer.toml: not valid TOML"),
    ("offer.toml", to_folder, "offer.toml: Is a directory"),
    ("offer.toml", written('items = ["nosuch"]'), "item 'nosuch' is not in acme's"),
    ("offer.toml", written('items = "one"'), "key items = 'one'"),
    ("ledger.jsonl", written("half of it\n"), "ledger.jsonl line 1 is not a ledger record"),
    ("ledger.jsonl", edited("r-1", "r-2"), "ledger.jsonl: record 1 was changed"),
    ("ledger.jsonl", to_folder, "ledger.jsonl: Is a directory"),
    ("catalogue/v1.view", cut, "v1.view"),
    ("catalogue/v1.view", to_folder, "v1.view: Is a directory"),
    ("catalogue/v1.view", edited("M000", "M999"), "not part of digest"),
    ("identity/federation.toml", empty, "missing key federation"),
    ("identity/key.pem", cut, "key.pem holds no readable key"),
    ("identity/key.pem", Path.unlink, "key.pem: No such file"),
    ("identity/certificate.pem", cut, "certificate.pem holds no readable certificate"),
    ("identity/certificate.pem", Path.unlink, "acme has no certificate yet"),
    ("identity/root.pem", to_folder, "root.pem: Is a directory"),
]


@pytest.mark.parametrize(("name", "damage", "words"), BROKEN)
def test_status_says_what_is_broken_and_shows_the_rest(
    cli: Cli, federation: EnrolledFederation, name: str, damage: Callable[[Path], object], words: str
) -> None:
    """Each file that cannot be used is one problem with what to do; the others are shown all the same."""
    home = federation.parties["acme"]
    LedgerFile(home / "ledger.jsonl").append({"event": "join", "run": "r-1"})
    damage(home / name)
    code, _, err = cli.call("party", "status", "--folder", home)
    assert code == 0
    problem, hint = err.splitlines()
    assert problem.startswith("problem: ")
    assert words in problem
    assert hint.startswith("  to do: ")
    data = cli.data("party", "status", "--folder", home)
    assert len(data["problems"]) == 1
    assert (data["offered"] is None) == (name == "offer.toml" and "nosuch" not in words)
    assert (data["ledger_records"] is None) == (name == "ledger.jsonl")
    assert data["catalogue_versions"] == [1]


def test_an_expired_certificate_ends_a_call_before_it_is_made(cli: Cli, tmp_path: Path) -> None:
    """Exit code 2, when it ended, what this machine's clock says, and what to do."""
    expired = make_federation(tmp_path, ("acme",), now=datetime.now(UTC) - timedelta(days=200))
    home = expired.parties["acme"]
    (home / "party.toml").write_text('[data]\npath = "x.csv"')
    for command in (["catalog", "accept"], ["party", "start"]):
        said = cli.fails(2, *command, "--folder", home, json=command[0] == "catalog")
        assert "the certificate ended on" in said
        assert "UTC; this machine's clock says" in said
        assert "invitation" in said


def test_a_certificate_of_another_root_ends_a_call_before_it_is_made(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """A certificate that somebody else signed is named by its file."""
    other = open_authority(make_federation(tmp_path / "other", ()).folder)
    key, certificate = made_certificate(other)
    home = federation.parties["acme"]
    write_bytes(home / "identity" / "key.pem", key)
    write_bytes(home / "identity" / "certificate.pem", certificate)
    said = cli.fails(4, "catalog", "accept", "--folder", home)
    assert "certificate.pem is not signed by the root in" in said


def test_a_key_of_another_certificate_is_named(cli: Cli, federation: EnrolledFederation) -> None:
    """The files of two parties were mixed up."""
    acme, bolt = (federation.parties[party] / "identity" for party in ("acme", "bolt"))
    shutil.copy(bolt / "key.pem", acme / "key.pem")
    assert "key.pem is not the key of" in cli.fails(4, "catalog", "accept", "--folder", acme.parent)


def test_a_coordinator_that_is_not_there_is_said(
    cli: Cli, federation: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, the address, and what to check."""
    monkeypatch.setattr("feddmf_party.cli.options._PATIENCE_S", 0.1)
    home = federation.parties["acme"]
    said = cli.fails(2, "catalog", "accept", "--folder", home)
    assert f"the coordinator at {federation.address} cannot be reached" in said
    assert "check that it runs" in said
    edited("reconnect_s = 5", "reconnect_s = 0.1")(home / "party.toml")
    assert "cannot be reached" in cli.fails(2, "party", "start", "--once", "--folder", home, json=False)


def test_one_node_works_in_a_folder(cli: Cli, federation: EnrolledFederation) -> None:
    """A second one is told so: exit code 6."""
    import fcntl

    home = federation.parties["acme"]
    with (home / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = cli.fails(6, "party", "start", "--folder", home, json=False)
    assert f"another process is running a node in {home}" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["invite.toml: No such file or directory"]),
        (b"", ["invite.toml: missing key federation"]),
        (GARBAGE, ["invite.toml: not UTF-8 text"]),
        (b'federation = "fed"\nparty = "acme"', ["invite.toml: missing key enrolment_address"]),
    ],
)
def test_an_invitation_that_is_none_is_named(
    cli: Cli, tmp_path: Path, content: bytes | None, words: list[str]
) -> None:
    """Nothing is made before the invitation has been read."""
    cli.text("party", "init", "--folder", tmp_path / "p")
    if content is not None:
        (tmp_path / "invite.toml").write_bytes(content)
    before = listing(tmp_path)
    said = cli.fails(4, "party", "enroll", "--folder", tmp_path / "p", "--invite", tmp_path / "invite.toml")
    assert all(word in said for word in words), said
    assert listing(tmp_path) == before


def test_an_invitation_is_used_with_the_right_fingerprint(cli: Cli, tmp_path: Path) -> None:
    """Without one, or with another, no key is made; with it, the coordinator that is away is said."""
    port, other = free_ports(2)
    cli.text(
        "coordinator", "init", "fed", "--folder", tmp_path / "c", "--port", port, "--enrolment-port", other
    )
    invited = cli.data("coordinator", "invite", "acme", "--folder", tmp_path / "c")
    cli.text("party", "init", "--folder", tmp_path / "p")
    command = ["party", "enroll", "--folder", tmp_path / "p", "--invite", invited["file"], "--wait", "0"]
    before = listing(tmp_path / "p")
    assert "fingerprint has not been checked" in cli.fails(4, *command)
    assert "not the one given" in cli.fails(4, *command, "--fingerprint", ":".join(["AB"] * 32))
    assert listing(tmp_path / "p") == before
    said = cli.fails(2, *command, "--fingerprint", invited["root_fingerprint"])
    assert f"localhost:{other}" in said


def test_no_key_is_ever_said(cli: Cli, federation: EnrolledFederation) -> None:
    """Neither status nor an error shows what is in a key's file."""
    home = federation.parties["acme"]
    lines = (home / "identity" / "key.pem").read_text().splitlines()[1:-1]
    os.truncate(home / "identity" / "certificate.pem", 50)
    outputs = [
        *cli.call("party", "status", "--folder", home)[1:],
        cli.fails(4, "catalog", "accept", "--folder", home),
    ]
    outputs.append(json.dumps(cli.data("party", "status", "--folder", home)))
    assert not [line for line in lines for output in outputs if line in output]
