"""The commands that need a coordinator, against one that runs: from the invitation to a prediction."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from feddmf_party.ledger_file import LedgerFile
from support.cli import Cli
from support.ports import free_ports
from support.processes import Running, started, wait_until
from support.shops import PARTIES, Shops


@pytest.fixture
def hub(cli: Cli, tmp_path: Path) -> Path:
    """Return the folder of a new federation."""
    port, other = free_ports(2)
    folder = tmp_path / "hub"
    cli.text("coordinator", "init", "shops", "--folder", folder, "--port", port, "--enrolment-port", other)
    settings = folder / "coordinator.toml"
    settings.write_text(settings.read_text().replace("#enrolment_poll_s = 2.0", "enrolment_poll_s = 0.05"))
    return folder


@pytest.fixture
def serving(hub: Path, tmp_path: Path) -> Iterator[Running]:
    """Serve the federation."""
    with started(tmp_path, "hub-log", "coordinator", "start", "--folder", str(hub)) as running:
        running.until("is served at")
        yield running


def is_open(address: str) -> bool:
    """Tell whether something listens at `address`: the enrolment port opens while somebody is invited."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def enrol(cli: Cli, hub: Path, shops: Shops, party: str) -> None:
    """Enrol a shop, as text where it is acme, as JSON where it is bolt; each step is looked at."""
    home = shops.folder(party)
    invited = cli.data("coordinator", "invite", party, "--folder", hub)
    root = invited["root_fingerprint"]
    wait_until(lambda: is_open(invited["enrolment_address"]), 10)
    command = ["party", "enroll", "--folder", home, "--invite", invited["file"], "--wait", "0"]
    said = cli.fails(3, *command, "--fingerprint", root)
    assert f"{party} is not approved yet" in said
    waiting = {each["party"]: each for each in cli.data("coordinator", "status", "--folder", hub)["parties"]}
    key = waiting[party]["waits_for_approval"]
    assert f"waits for approval; its key is {key}" in cli.text("coordinator", "status", "--folder", hub)
    assert key in cli.call(*command)[2]
    wrong = cli.fails(4, "coordinator", "approve", party, "--folder", hub, "--fingerprint", root)
    assert f"the key that is waiting as {party} is {key}, not the one read out" in wrong
    approve = ["coordinator", "approve", party, "--folder", hub, "--fingerprint", key]
    if party == "acme":
        header, row = cli.text(*approve).splitlines()
        assert header.split() == ["party", "valid", "until", "serial"]
        assert " UTC  " in row
        assert cli.text(*command).startswith("acme is enrolled in shops until ")
    else:
        assert cli.data(*approve)["key_fingerprint"] == key
    enrolled = cli.data(*command)
    assert (enrolled["federation"], enrolled["party"], enrolled["key_fingerprint"]) == ("shops", party, key)


def accept(cli: Cli, hub: Path, home: Path, digest: str) -> None:
    """Accept the catalogue; a digest that is not what was published is refused, and nothing is kept."""
    said = cli.fails(4, "catalog", "accept", "--folder", home, "--digest", "abc" + digest[3:])
    assert f"the published digest is {digest}, not abc" in said
    assert not (home / "catalogue").exists()
    assert "version 7" in cli.fails(4, "catalog", "accept", "--folder", home, "--version", "7")
    text = cli.text("catalog", "accept", "--folder", home, "--digest", digest[:16].upper())
    assert text.startswith(f"accepted catalogue version 1, digest {digest}: ")
    assert cli.data("catalog", "accept", "--folder", home)["digest"] == digest
    standing = {each["party"]: each for each in cli.data("catalog", "show", "--folder", hub)["parties"]}
    assert standing[home.name]["accepted"]


def test_from_the_invitation_to_a_prediction(
    cli: Cli, hub: Path, serving: Running, shops: Shops, tmp_path: Path
) -> None:
    """Every command of both sides in the order of real life; at the end the coordinator stops cleanly."""
    assert cli.data("coordinator", "status", "--folder", hub)["serving"] is True
    for party in PARTIES:
        enrol(cli, hub, shops, party)
    assert "has not been published" in cli.fails(4, "catalog", "accept", "--folder", shops.folder("acme"))
    digest = cli.data("catalog", "publish", shops.catalogue, "--folder", hub)["digest"]
    for party in PARTIES:
        accept(cli, hub, shops.folder(party), digest)
    cli.text("attributes", "offer", "bolt-00", "country-France", "--folder", shops.folder("bolt"))
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                started(tmp_path, party, "party", "start", "--once", "--folder", str(shops.folder(party)))
            )
            for party in PARTIES
        ]
        for node in nodes:
            node.until("connected to federation shops at localhost:")
        run = cli.data("run", "submit", shops.run_file, "--folder", hub, "--watch", "--wait", "60")["run"]
        assert [node.code() for node in nodes] == [0, 0]
    assert run == "try-out-1"
    for node in nodes:
        assert f"joins run {run}: 40 users, " in node.said
        assert f"run {run} is finished; ask it: feddmf query audience" in node.said
    acme = shops.folder("acme")
    listed = cli.data("attributes", "list", "--folder", acme)["attributes"]
    assert [each["key"] for each in listed] == ["bolt-00", "country-France"]
    assert cli.data("attributes", "list", "--folder", hub, "--run", run)["attributes"]
    offered = cli.data("attributes", "list", "--offers", "--folder", acme)
    assert (offered["run"], [each["key"] for each in offered["attributes"]]) == (
        None,
        ["bolt-00", "country-France"],
    )
    text = cli.text("attributes", "list", "--offers", "--owner", "bolt", "--folder", acme)
    assert text.startswith("2 attributes offered for a next run\n")
    assert len(cli.data("query", "audience", "--attribute=country-France", "--folder", acme)["users"]) == 20
    status = cli.data("party", "status", "--folder", acme)
    assert (status["runs"], status["problems"]) == ([run], [])
    assert status["ledger_records"] == len(LedgerFile(acme / "ledger.jsonl")) > 40
    assert serving.terminate() == 0
    assert "UTC" not in serving.said
    assert all(line[19] == "Z" for line in serving.said.splitlines())


def test_a_second_coordinator_is_told_why_it_cannot_serve(
    cli: Cli, hub: Path, serving: Running, tmp_path: Path
) -> None:
    """A folder is served once; a port too, and the message names it: exit code 6."""
    assert f"another process is serving {hub}" in cli.fails(
        6, "coordinator", "start", "--folder", hub, json=False
    )
    port = cli.data("coordinator", "status", "--folder", hub)["address"].rpartition(":")[2]
    other = tmp_path / "other"
    cli.text(
        "coordinator", "init", "shops", "--folder", other, "--port", port, "--enrolment-port", *free_ports(1)
    )
    said = cli.fails(6, "coordinator", "start", "--folder", other, json=False)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "coordinator.toml" in said


def test_a_revoked_party_is_refused_with_what_its_own_files_say(
    cli: Cli, hub: Path, serving: Running, shops: Shops
) -> None:
    """The wire says only that; the party's command says that its files are in order, and whom to ask."""
    enrol(cli, hub, shops, "acme")
    cli.text("catalog", "publish", shops.catalogue, "--folder", hub)
    assert cli.data("coordinator", "revoke", "acme", "--folder", hub) == {"party": "acme", "revoked": 1}
    said = cli.fails(2, "catalog", "accept", "--folder", shops.folder("acme"))
    assert "refused this party, whose own files are in order" in said
    assert "ask the operator" in said
    assert "no certificate" in cli.text("coordinator", "status", "--folder", hub)
