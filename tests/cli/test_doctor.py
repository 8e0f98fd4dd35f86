"""`feddmf doctor` on either side: what is broken is named, with what to do; the rest is ok."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from feddmf.cli.main import run
from feddmf.invitation import load_invitation, write_invitation
from feddmf_coordinator.enrolling import invite
from feddmf_coordinator.store.catalogues import add_catalogue, catalogues
from feddmf_party.client import probing
from feddmf_party.identity import IdentityFiles
from support.authority import EnrolledFederation, make_federation
from support.cli import Cli
from support.damage import edit, garble, written
from support.federation import founded
from support.processes import started
from support.runs import small_run


def findings(cli: Cli, folder: Path, *more: object, code: int) -> dict[str, Any]:
    """Return what the doctor finds in a folder, the worst of each check; text and JSON end with `code`."""
    found, out, err = cli.call("doctor", "--folder", folder, *more)
    assert (found, err) == (code, "")
    assert all(line == line.rstrip() for line in out.splitlines())
    found, out, _ = cli.call("doctor", "--folder", folder, *more, "--format", "json")
    assert found == code
    data = json.loads(out)["data"]
    assert data["healthy"] is (code == 0)
    order = ["skipped", "ok", "note", "problem"]
    worst = sorted(data["findings"], key=lambda each: order.index(each["standing"]))
    assert all(each["hint"] for each in worst if each["standing"] == "problem")
    return {each["check"]: each for each in worst}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolledFederation]:
    """Serve a federation of two parties whose folders nobody changes."""
    path = tmp_path_factory.mktemp("serving")
    enrolled = founded(path, small_run(2))
    with started(
        path, "coordinator", "coordinator", "start", "--folder", str(enrolled.folder.path)
    ) as process:
        process.until("is served at")
        yield enrolled


def test_all_is_well(cli: Cli, serving: EnrolledFederation) -> None:
    """Of both sides, while the coordinator serves: clocks, versions and catalogue agree."""
    party = findings(cli, serving.parties["acme"], code=0)
    assert {check for check, each in party.items() if each["standing"] != "ok"} == {"node"}
    assert party["coordinator"]["text"].startswith("federation testfed runs feddmf ")
    assert party["clock"]["text"] == "within 1 s of the coordinator's"
    assert party["data"]["text"].startswith("40 users, 320 pairs")
    hub = findings(cli, serving.folder.path, code=0)
    assert hub["port"]["text"] == f"it serves at 127.0.0.1:{serving.settings.port}"
    assert {check for check, each in hub.items() if each["standing"] != "ok"} == {"passphrase", "names"}


def test_a_clock_that_is_wrong(
    cli: Cli, serving: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by how much, against the coordinator's."""

    class Ahead:
        @staticmethod
        def time() -> float:
            return (datetime.now(UTC) + timedelta(minutes=10)).timestamp()

    monkeypatch.setattr(probing, "time", Ahead)
    found = findings(cli, serving.parties["acme"], code=6)
    assert found["clock"]["text"].startswith("this machine's clock is 10 min ahead of the coordinator's")


def test_versions_that_do_not_match(
    cli: Cli, serving: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has to upgrade is said."""
    monkeypatch.setattr("feddmf_party.client.greeting.OLDEST", 9)
    monkeypatch.setattr("feddmf_party.client.greeting.NEWEST", 9)
    found = findings(cli, serving.parties["acme"], code=1)
    assert found["coordinator"]["text"].startswith("the party speaks wire version 9, the coordinator ")
    assert found["coordinator"]["hint"] == "upgrade the coordinator"


def test_a_catalogue_that_was_published_since(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """The party has to accept the newer one; runs pin it."""
    with federation.open_database() as database, database.begin() as connection:
        text = bytes(connection.scalar(select(catalogues.c.csv)) or b"").decode().replace("M000", "Chair")
        add_catalogue(connection, text, where="a test", now=datetime.now(UTC))
    with started(tmp_path, "hub", "coordinator", "start", "--folder", str(federation.folder.path)) as process:
        process.until("is served at")
        found = findings(cli, federation.parties["acme"], code=4)
    assert found["catalogue"]["text"].endswith("and the operator has published version 2")
    hub = findings(cli, federation.folder.path, code=0)
    assert hub["catalogue"]["text"].startswith("acme, bolt did not accept version 2")


def test_an_identity_of_another_federation(cli: Cli, serving: EnrolledFederation, tmp_path: Path) -> None:
    """The coordinator's root is not this party's."""
    other = make_federation(tmp_path, ("acme",)).parties["acme"]
    shutil.copy(serving.parties["acme"] / "party.toml", other)
    shutil.copy(serving.parties["acme"] / "interactions.csv", other)
    where = IdentityFiles(other)
    where.write_federation(where.load_federation().model_copy(update={"federation_address": serving.address}))
    found = findings(cli, other, code=2)
    assert "no certificate from the root that this party trusts" in found["handshake"]["text"]
    assert found["coordinator"]["standing"] == "skipped"


def test_a_name_that_the_certificate_lacks(
    cli: Cli, serving: EnrolledFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the operator has to do is said to the party."""
    copy = Path(shutil.copytree(serving.parties["acme"], tmp_path / "acme"))
    files = IdentityFiles(copy)
    port = serving.settings.port
    real = socket.getaddrinfo

    def known(host: str, *rest: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "hub.test" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    files.write_federation(
        files.load_federation().model_copy(update={"federation_address": f"hub.test:{port}"})
    )
    found = findings(cli, copy, code=2)
    assert "is for other names than hub.test" in found["handshake"]["text"]
    assert "feddmf coordinator renew" in found["handshake"]["hint"]


def _saved_garbage(home: Path) -> None:
    (home / "audiences").mkdir()
    (home / "audiences" / "pens.json").write_text("garbage")


Damage = Callable[[Path], object]
_DIALLED, _LOST = 'federation_address = "localhost', 'federation_address = "hub.nowhere.invalid'
BROKEN: dict[str, tuple[Damage, str, int, str]] = {
    "no identity": (lambda home: shutil.rmtree(home / "identity"), "identity", 4, "has no identity yet"),
    "no certificate": (
        lambda home: (home / "identity" / "certificate.pem").unlink(),
        "identity",
        4,
        "acme has no certificate yet",
    ),
    "nobody listens": (lambda _: None, "address", 2, "nothing listens at localhost:"),
    "no such name": (
        lambda home: edit(home / "identity" / "federation.toml", _DIALLED, _LOST),
        "address",
        2,
        "this machine knows no address for hub.nowhere.invalid",
    ),
    "no catalogue": (
        lambda home: shutil.rmtree(home / "catalogue"),
        "catalogue",
        4,
        "acme has not accepted any catalogue",
    ),
    "no column": (
        lambda home: edit(home / "interactions.csv", "user,item", "customer,item"),
        "data",
        4,
        "no column 'user'; it has 'customer', 'item'",
    ),
    "no table": (lambda home: (home / "interactions.csv").unlink(), "data", 4, "no such file"),
    "unreadable table": (lambda home: garble(home / "interactions.csv"), "data", 4, "interactions.csv"),
    "other local ids": (
        lambda home: (home / "interactions.csv").write_text("user,item\nu1,nosuch\n"),
        "data",
        4,
        "item 'nosuch' is not in the catalogue",
    ),
    "policy without protocols": (
        lambda home: (home / "policy.toml").write_text("protocols = []\n"),
        "policy",
        4,
        "it declines a usual run of every protocol",
    ),
    "policy without purposes": (
        lambda home: (home / "policy.toml").write_text("purposes = []\n"),
        "policy",
        4,
        "names no purposes",
    ),
    "policy with a slip": (
        lambda home: (home / "policy.toml").write_text("max_roundz = 3\n"),
        "policy",
        4,
        "unknown key max_roundz",
    ),
    "settings with a slip": (
        lambda home: edit(home / "party.toml", "path =", "paths ="),
        "folder",
        4,
        "unknown key data.paths",
    ),
    "offer": (
        lambda home: (home / "offer.toml").write_text('items = ["nosuch"]\n'),
        "offer",
        4,
        "item 'nosuch' is not in acme's catalogue",
    ),
    "audiences": (_saved_garbage, "audiences", 4, "is no saved audience"),
    "ledger": (lambda home: written("garbage\n")(home / "ledger.jsonl"), "ledger", 4, "line 1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_at_a_party(cli: Cli, federation: EnrolledFederation, case: str) -> None:
    """Each check names what it found; the first problem gives the exit code, and nothing is written."""
    damage, check, code, words = BROKEN[case]
    home = federation.parties["acme"]
    damage(home)
    before = {path: path.stat().st_mtime_ns for path in sorted(home.rglob("*"))}
    # Nobody serves this federation, so that the way there is broken too where it can be gone.
    first = code if check in {"folder", "identity", "address"} else 2
    found = findings(cli, home, code=first)
    assert found[check]["standing"] == "problem"
    assert words in found[check]["text"], found[check]
    assert {path: path.stat().st_mtime_ns for path in sorted(home.rglob("*"))} == before


def test_a_certificate_out_of_its_dates(cli: Cli, tmp_path: Path) -> None:
    """Ended, or of tomorrow where this machine's clock is behind; both sides say what their clock says."""
    ended = make_federation(tmp_path / "old", now=datetime.now(UTC) - timedelta(days=200))
    shutil.copy(_settings(tmp_path), ended.parties["acme"])
    found = findings(cli, ended.parties["acme"], code=2)
    assert "the certificate ended on" in found["certificate"]["text"]
    hub = findings(cli, ended.folder.path, code=0)
    assert "acme has neither a certificate that holds" in hub["parties"]["text"] or hub["parties"]["hint"]
    early = make_federation(tmp_path / "new", now=datetime.now(UTC) + timedelta(days=2))
    shutil.copy(_settings(tmp_path), early.parties["acme"])
    found = findings(cli, early.parties["acme"], code=2)
    assert "is valid only from" in found["certificate"]["text"]
    hub = findings(cli, early.folder.path, code=4)
    assert hub["root"]["standing"] == hub["clock"]["standing"] == "problem"


def _settings(folder: Path) -> Path:
    file = folder / "party.toml"
    file.write_text('[data]\npath = "interactions.csv"\n')
    return file


def test_an_invitation_that_has_run_out(cli: Cli, federation: EnrolledFederation, tmp_path: Path) -> None:
    """Whoever has not enrolled is told what its invitation is worth."""
    file = invite(federation.folder, "cargo").file
    home = tmp_path / "cargo"
    assert run(["party", "init", "--folder", str(home)]) == 0
    found = findings(cli, home, "--invite", file, code=4)
    assert found["invitation"]["standing"] == "ok"
    assert "nothing listens at localhost:" in found["address"]["text"]
    invitation = load_invitation(file)
    write_invitation(
        home / "cargo.invite.toml",
        invitation.model_copy(update={"expires": datetime.now(UTC) - timedelta(days=1)}),
    )
    found = findings(cli, home, code=4)
    assert "held until" in found["invitation"]["text"]
    assert found["invitation"]["hint"].endswith("feddmf coordinator invite cargo")


def test_a_folder_of_nobody(cli: Cli, tmp_path: Path) -> None:
    """It is neither side's."""
    found = findings(cli, tmp_path, code=4)
    assert "neither a party's folder nor a coordinator's" in found["folder"]["text"]


def _lose(home: Path) -> None:
    for file in home.glob("coordinator.db*"):
        file.unlink()


HUB: dict[str, tuple[Damage, str, int, str]] = {
    "database gone": (_lose, "database", 6, "is gone"),
    "server key gone": (
        lambda home: (home / "server" / "key.pem").unlink(),
        "certificate",
        4,
        "cannot read the server's key",
    ),
    "root key open": (
        lambda home: (home / "ca" / "key.pem").chmod(0o644),
        "root",
        4,
        "can be read by others",
    ),
    "no token": (lambda home: (home / "operator" / "token").unlink(), "operator", 2, "operator's token"),
    "settings": (lambda home: edit(home / "coordinator.toml", "port =", "prt ="), "folder", 4, "unknown key"),
}


@pytest.mark.parametrize("case", HUB)
def test_what_is_broken_at_the_coordinator(cli: Cli, federation: EnrolledFederation, case: str) -> None:
    """Each check names what it found; nothing comes back empty."""
    damage, check, code, words = HUB[case]
    home = federation.folder.path
    damage(home)
    found = findings(cli, home, code=code)
    assert found[check]["standing"] == "problem"
    assert words in found[check]["text"], found[check]
    assert (home / "coordinator.db").exists() is (case != "database gone")


def test_a_port_that_is_taken(cli: Cli, federation: EnrolledFederation) -> None:
    """By another program: the coordinator could not start, and a party hears no coordinator there."""
    with socket.create_server(("127.0.0.1", federation.settings.port)):
        found = findings(cli, federation.folder.path, code=6)
        assert found["port"]["text"].endswith("Address already in use")


def test_hosts_that_the_certificate_lacks(cli: Cli, federation: EnrolledFederation) -> None:
    """Added to coordinator.toml, and the certificate not renewed since."""
    edit(federation.folder.settings_file, "port =", 'hosts = ["hub.example.com"]\nport =')
    found = findings(cli, federation.folder.path, code=0)
    assert "does not hold hub.example.com" in found["names"]["text"]


def test_a_disk_that_is_full(
    cli: Cli, federation: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the figure."""
    monkeypatch.setattr("feddmf.cli.checking.free_bytes", lambda _: 1_500_000)
    found = findings(cli, federation.folder.path, code=6)
    assert found["disk"]["text"].startswith("1.5 MB left on the disk of")
