"""`feddmf coordinator`: what the operator sees; that the steps work is tested in tests/coordinator."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.identity import make_key
from feddmf.succession import make_succession
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.store.runs import RunState, set_state
from feddmf_coordinator.store.sightings import Sighting, put_sightings
from feddmf_party.identity import IdentityFiles
from support.authority import EnrolledFederation, make_federation
from support.cli import Cli, listing
from support.damage import edited, empty, garble, to_folder
from support.federation import quick_run, submit
from support.processes import feddmf, started

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
FINGERPRINT = r"([0-9A-F]{2}:){31}[0-9A-F]{2}"


def test_a_new_federation_says_what_comes_next(cli: Cli, tmp_path: Path) -> None:
    """The fingerprint to tell, where the passphrase is, whom to invite."""
    folder = tmp_path / "my hub"
    code, out, err = cli.call("coordinator", "init", "shops", "--folder", folder)
    assert code == 0
    header, row = out.splitlines()
    assert header.split() == ["federation", "root", "fingerprint"]
    assert re.fullmatch(rf"shops +{FINGERPRINT}", row)
    assert f"its passphrase was generated into {folder}/ca/passphrase" in err
    assert "feddmf coordinator invite" in err
    code, out, err = cli.call("coordinator", "status", "--folder", folder)
    assert (code, err) == (0, "no party yet; invite one: feddmf coordinator invite PARTY\n")
    assert out.startswith("federation shops at 127.0.0.1:8470: ")
    assert "no catalogue yet" in out
    data = cli.data("coordinator", "status", "--folder", folder)
    assert (data["catalogue_version"], data["parties"], data["runs"]) == (0, [], [])


def test_an_invitation_tells_when_it_ends(cli: Cli, federation: EnrolledFederation, tmp_path: Path) -> None:
    """In UTC; where the file is, and the root's fingerprint for the other way."""
    folder, file = federation.folder.path, tmp_path / "new" / "to carol.toml"
    code, out, err = cli.call("coordinator", "invite", "carol", "--folder", folder, "--file", file)
    assert code == 0
    assert re.fullmatch(rf"carol  {re.escape(str(file))}  {STAMP}", out.splitlines()[1])
    assert federation.root_fingerprint in err
    assert file.stat().st_mode & 0o777 == 0o600
    invitation = tomllib.loads(file.read_text())
    assert timedelta(hours=71) < invitation["expires"] - datetime.now(UTC) < timedelta(hours=73)
    assert "feddmf party enroll --invite" in file.read_text()
    rows = cli.text("coordinator", "status", "--folder", folder).splitlines()[2:]
    assert re.fullmatch(rf"carol  invited until {STAMP} +no", rows[2])


def test_status_tells_where_each_party_stands(cli: Cli, federation: EnrolledFederation) -> None:
    """Certificates with their end, the catalogue, and the runs that are under way."""
    folder = federation.folder.path
    runs = [submit(federation, quick_run(("acme", "bolt"))) for _ in range(2)]
    with federation.open_database() as database, database.begin() as connection:
        set_state(connection, runs[0], RunState.FAILED, now=datetime.now(UTC), reason="a test")
    code, out, err = cli.call("coordinator", "status", "--folder", folder)
    assert code == 0
    waits, limits = err.splitlines()
    assert waits == f"run {runs[1]} is submitted"
    assert limits == (
        "at once at most 8 runs, with 64 parties each, and 2,048 MiB of rounds under way: [limits] in "
        "coordinator.toml"
    )
    title, header, *rows = out.splitlines()
    assert (
        title
        == f"federation testfed at 127.0.0.1:{federation.settings.port}: not serving, catalogue version 1"
    )
    assert header.split() == ["party", "standing", "accepted", "the", "catalogue"]
    for party, row in zip(("acme", "bolt"), rows, strict=True):
        assert re.fullmatch(rf"{party}   enrolled until {STAMP} +yes", row)
    data = cli.data("coordinator", "status", "--folder", folder)
    assert data["runs"] == [{"run": runs[1], "state": "submitted"}]
    assert all(datetime.fromisoformat(each["certificate_until"]).tzinfo for each in data["parties"])


def test_revoking_and_renewing_are_told(cli: Cli, federation: EnrolledFederation) -> None:
    """How many certificates, and until when the server's new one holds."""
    folder = federation.folder.path
    assert cli.text("coordinator", "revoke", "acme", "--folder", folder).split() == [
        "party",
        "revoked",
        "acme",
        "1",
    ]
    assert re.search(STAMP, cli.text("coordinator", "renew", "--folder", folder))
    assert "no certificate" in cli.text("coordinator", "status", "--folder", folder)


@pytest.mark.parametrize("party", ["", "Carol", "carol & sons", "../carol", "c" * 33, "-x", "é", "\x1b[31m"])
@pytest.mark.parametrize("verb", ["invite", "approve", "revoke"])
def test_a_name_that_is_none_is_said(
    cli: Cli, made_federation: EnrolledFederation, verb: str, party: str
) -> None:
    """Lower-case letters, digits and hyphens; nothing is written."""
    folder = made_federation.folder.path
    before = set(listing(folder))
    said = cli.fails(4, "coordinator", verb, "--folder", folder, "--", party, json=False)
    assert "\x1b" not in said
    assert set(listing(folder)) - before <= {"coordinator.db-wal", "coordinator.db-shm"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["My Fed"], ["key federation = 'My Fed'"]),
        (["fed", "--port", "0"], ["key port = 0"]),
        (["fed", "--port", "70000"], ["key port = 70000"]),
        (["fed", "--port", "99999999999999999999"], ["key port = 99999999999999999999"]),
        (["fed", "--port", "8471"], ["port and enrolment_port are the same"]),
        (["fed", "--host", "no host"], ["key hosts.0 = 'no host'"]),
        (["fed", "--host", ""], ["key hosts.0 = ''"]),
        (["fed", "--listen", "everywhere!"], ["key listen = 'everywhere!'"]),
        (["fed", "--passphrase-file", "nosuch"], ["nosuch"]),
        (["fed", "--passphrase-file", "."], ["Is a directory"]),
    ],
)
def test_a_federation_that_cannot_be_founded_leaves_nothing(
    cli: Cli, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """The key that is wrong; no folder, no key, no database."""
    said = cli.fails(4, "coordinator", "init", *arguments, "--folder", tmp_path / "new" / "hub")
    assert all(word in said for word in words), said
    assert listing(tmp_path) == {}


BROKEN: list[tuple[str, Callable[[Path], object], int, str]] = [
    ("coordinator.toml", garble, 4, "coordinator.toml: not UTF-8 text"),
    ("coordinator.toml", empty, 4, "coordinator.toml: missing key federation"),
    ("coordinator.toml", to_folder, 4, "is not a coordinator's folder"),
    ("coordinator.toml", edited("port = ", "prot = "), 4, "unknown key prot"),
    ("coordinator.toml", edited("#invite_hours = 72", "invite_hours = 0"), 4, "key invite_hours = 0"),
    (
        "coordinator.toml",
        edited("#database = ", 'database = "no URL" #'),
        4,
        "the database is not named by a URL",
    ),
    ("coordinator.toml", edited("#database = ", 'database = "sqlite:////dev/null/x" #'), 6, "/dev/null/x"),
    ("coordinator.db", garble, 6, "file is not a database"),
    ("coordinator.db", to_folder, 6, "unable to open database file"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_folder_is_named_by_each_command(
    cli: Cli, federation: EnrolledFederation, broken: tuple[str, Callable[[Path], object], int, str]
) -> None:
    """File and key; 4 for settings, 6 for the database."""
    name, damage, code, words = broken
    folder = federation.folder.path
    for leftover in folder.glob("coordinator.db-*"):
        leftover.unlink()
    damage(folder / name)
    commands = (["coordinator", "status"], ["coordinator", "invite", "carol"], ["run", "list"])
    for command in commands:
        assert words in cli.fails(code, *command, "--folder", folder)
    assert words in cli.fails(code, "coordinator", "start", "--folder", folder, json=False)


@pytest.mark.parametrize("name", ["root.pem", "server/key.pem", "server/certificate.pem"])
@pytest.mark.parametrize("damage", [Path.unlink, to_folder, garble])
def test_a_server_without_its_files_does_not_start(
    cli: Cli, federation: EnrolledFederation, name: str, damage: Callable[[Path], object]
) -> None:
    """The file that is missing, a folder or garbage is named."""
    damage(federation.folder.path / name)
    said = cli.fails(4, "coordinator", "start", "--folder", federation.folder.path, json=False)
    assert name in said


def test_operators_are_added_listed_and_removed(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token goes into a file and nowhere else; the log tells who did what."""
    folder = federation.folder.path
    code, out, err = cli.call("coordinator", "operators", "add", "mary", "--folder", folder)
    assert code == 0
    file = folder / "operator" / "mary.token"
    assert str(file) in out
    assert "FEDDMF_OPERATOR_TOKEN" in err
    assert file.read_text().strip() not in out + err
    monkeypatch.setenv("FEDDMF_OPERATOR_TOKEN", file.read_text().strip())
    cli.text("coordinator", "invite", "carol", "--folder", folder, "--file", tmp_path / "carol.toml")
    listed = cli.text("coordinator", "operators", "list", "--folder", folder).splitlines()
    assert [row.split()[0] for row in listed] == ["operator", "mary", "operator"]
    told = cli.data("coordinator", "log", "--folder", folder)
    assert [each["operator"] for each in told["records"][-2:]] == ["operator", "mary"]
    assert told["head"] == told["records"][-1]["hash"]
    title, header, *rows = cli.text("coordinator", "log", "--folder", folder, "--last", 1).splitlines()
    assert told["head"] in title
    assert header.split() == ["when", "operator", "did", "what"]
    assert re.fullmatch(rf" *\d+ +{STAMP} +mary +invite +party carol", rows[0])
    cli.text("coordinator", "operators", "remove", "operator", "--folder", folder)
    monkeypatch.delenv("FEDDMF_OPERATOR_TOKEN")
    said = cli.fails(2, "coordinator", "invite", "dora", "--folder", folder)
    assert "is nobody's, or was removed" in said
    assert "operators add" in said


@pytest.mark.parametrize(
    "command",
    [
        ("coordinator", "invite", "carol"),
        ("coordinator", "revoke", "acme"),
        ("coordinator", "renew"),
        ("coordinator", "operators", "remove", "operator"),
        ("run", "stop", "small-1"),
        ("catalog", "publish", "catalogue.csv"),
    ],
)
def test_what_changes_the_federation_needs_an_operator(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Exit code 2, and what to do; reading needs none."""
    folder = federation.folder.path
    submit(federation, quick_run(("acme", "bolt")))
    (tmp_path / "catalogue.csv").write_text("key,label,local_id:acme,local_id:bolt\nk,l,a,b\n")
    shown = tuple(str(tmp_path / part) if part.endswith(".csv") else part for part in command)
    federation.folder.operator_token.unlink()
    assert "needs an operator's token" in cli.fails(2, *shown, "--folder", folder)
    for reading in (("coordinator", "status"), ("coordinator", "log"), ("run", "list"), ("catalog", "show")):
        cli.text(*reading, "--folder", folder)


def test_submitting_a_run_needs_an_operator(cli: Cli, federation: EnrolledFederation, tmp_path: Path) -> None:
    """And is logged with the run's id, as its end is."""
    folder = federation.folder.path
    file = tmp_path / "run.toml"
    file.write_text('name = "small"\npurpose = "a test"\nparties = ["acme", "bolt"]\n')
    token = federation.folder.operator_token.read_bytes()
    federation.folder.operator_token.unlink()
    assert "needs an operator's token" in cli.fails(2, "run", "submit", file, "--folder", folder)
    assert cli.data("run", "list", "--folder", folder)["runs"] == []
    federation.folder.operator_token.touch(mode=0o600)
    federation.folder.operator_token.write_bytes(token)
    run = cli.data("run", "submit", file, "--folder", folder)["run"]
    cli.text("run", "stop", run, "--folder", folder)
    records = cli.data("coordinator", "log", "--folder", folder)["records"][-2:]
    assert [(each["action"], each["what"]["run"]) for each in records] == [
        ("run submit", run),
        ("run stop", run),
    ]


def test_renewals_once_tells_what_it_signed(cli: Cli, tmp_path: Path) -> None:
    """For cron; status tells who asks, and who was renewed."""
    federation = make_federation(tmp_path, ("acme", "bolt"), now=datetime.now(UTC) - timedelta(days=70))
    folder = federation.folder.path
    command = ("coordinator", "renewals", "--once", "--folder", folder)
    assert cli.data(*command)["renewed"] == []
    old_key, old = IdentityFiles(federation.parties["acme"]).load_pair()
    with federation.open_database() as database:
        RenewalDesk(Doorkeeper("testfed", database), database).answer(
            federation.identity("acme").certificate_pem, make_succession(make_key(), old_key, old, "acme")
        )
    code, out, err = cli.call("coordinator", "status", "--folder", folder)
    assert code == 0
    assert "asks for the next one since" in out
    assert "feddmf coordinator renewals" in err
    header, row = cli.text(*command).splitlines()
    assert header.split() == ["whose", "valid", "until", "refused"]
    assert re.match(rf"acme +{STAMP}", row)
    assert re.search(
        rf"enrolled until {STAMP}, renewed {STAMP}", cli.text("coordinator", "status", "--folder", folder)
    )
    standing = {
        each["party"]: each for each in cli.data("coordinator", "status", "--folder", folder)["parties"]
    }
    assert (standing["acme"]["renewal"], standing["bolt"]["renewal"]) == ("signed", None)


def test_renewals_need_the_passphrase(cli: Cli, federation: EnrolledFederation) -> None:
    """Said at the start, not when the first request comes."""
    federation.folder.passphrase_file.unlink()
    command = ("coordinator", "renewals", "--once", "--folder", federation.folder.path)
    assert "cannot read the passphrase" in cli.fails(4, *command)


def test_renewals_run_as_a_service_and_end_when_told(tmp_path: Path) -> None:
    """A process of its own, beside the server; two of them do not get in each other's way."""
    federation = make_federation(tmp_path, ("acme",), now=datetime.now(UTC) - timedelta(days=70))
    folder = str(federation.folder.path)
    old_key, old = IdentityFiles(federation.parties["acme"]).load_pair()
    with federation.open_database() as database:
        RenewalDesk(Doorkeeper("testfed", database), database).answer(
            federation.identity("acme").certificate_pem, make_succession(make_key(), old_key, old, "acme")
        )
    command = ("coordinator", "renewals", "--every", "0.2", "--folder", folder)
    with started(tmp_path, "renewals", *command) as running:
        running.until("renewed the certificate of acme until")
        second = feddmf(*command)
        assert second.returncode == 6
        assert "another process is renewing certificates" in second.stderr
        assert running.terminate(within_s=20) == 0


def test_parties_are_listed_with_what_each_needs(cli: Cli, federation: EnrolledFederation) -> None:
    """Who is there, with which software, catalogue and ledger; to-dos beside the table."""
    folder, now = federation.folder.path, datetime.now(UTC)
    with federation.open_database() as database, database.begin() as connection:
        put_sightings(connection, [Sighting("acme", now, now, "0.0.7")])
    code, out, err = cli.call("coordinator", "parties", "--folder", folder)
    assert code == 0
    header, acme, bolt = out.splitlines()
    assert header.split()[:3] == ["party", "standing", "here"]
    assert re.fullmatch(rf"acme +enrolled +- +{STAMP} +{STAMP} +0\.0\.7 +1 +-", acme)
    assert re.fullmatch(rf"bolt +enrolled +- +- +{STAMP} +- +1 +-", bolt)
    assert "no coordinator serves here" in err
    assert "note: acme runs feddmf 0.0.7" in err
    data = cli.data("coordinator", "parties", "--folder", folder)
    assert data["serving"] is False
    assert [(each["party"], each["online"], each["software"]) for each in data["parties"]] == [
        ("acme", None, "0.0.7"),
        ("bolt", None, None),
    ]


def test_a_console_that_is_not_installed_is_said(
    cli: Cli, made_federation: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "feddmf_coordinator.console.serving", None)
    said = cli.fails(4, "coordinator", "console", "--folder", made_federation.folder.path, json=False)
    assert "pip install 'feddmf[console]'" in said
