"""A whole federation while it works: its figures, its health, and what its records are about."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthStub

from feddmf.errors import LocalResourceError
from feddmf.files import write_text
from feddmf.telemetry.about import about
from feddmf.telemetry.settings import MetricsSettings
from feddmf.telemetry.traces import Traces
from feddmf_coordinator.server import serve as serving
from feddmf_party.folder import PartyFolder
from feddmf_party.node import Node, NodeEvents
from feddmf_party.telemetry.watching import Watching, both
from support.authority import EnrolledFederation
from support.enrolment import until
from support.federation import LiveFederation, Watch, founded, quick_run, served
from support.ports import free_ports
from support.processes import Running, started, wait_until
from support.runs import small_run

PARTIES = ("acme", "bolt")


def founded_with_figures(path: Path) -> tuple[EnrolledFederation, int]:
    """Return a federation whose coordinator shows its figures, and where."""
    enrolled = founded(path, small_run(2))
    (port,) = free_ports(1)
    settings = enrolled.folder.settings_file
    text = settings.read_text().replace("\n[metrics]\n", f"\n[metrics]\nport = {port}\n")
    write_text(settings, text)
    assert enrolled.folder.load().metrics == MetricsSettings(port=port)
    return enrolled, port


def page(port: int, path: str) -> str:
    """Return what a page says, whatever its status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def figures(text: str) -> dict[str, float]:
    """Return the series of a scrape."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def node(federation: LiveFederation, party: str, watching: Watching) -> None:
    """Run a party's node for one run, watched."""
    work = Node(PartyFolder(federation.folder(party)), both(Watch().events(), watching.events()))
    await work.work(once=True, wait_s=60)


def test_a_run_is_seen_on_both_sides(tmp_path: Path) -> None:
    """Rounds, bytes, ledgers and cosines of a real run; both sides count the same rounds."""
    enrolled, port = founded_with_figures(tmp_path)
    watched = {party: Watching(party, Traces()) for party in PARTIES}

    async def main() -> tuple[str, str, str]:
        async with served(enrolled, small_run(2)) as federation:
            run = federation.submit(quick_run(PARTIES))
            async with asyncio.timeout(120):
                await asyncio.gather(*(node(federation, party, watched[party]) for party in PARTIES))
            await federation.ended(run)
            scraped = await asyncio.to_thread(page, port, "/metrics")
            return run, scraped, await asyncio.to_thread(page, port, "/readyz")

    run, text, health = asyncio.run(main())
    assert json.loads(health) == {"status": "ok", "checks": {"database": "ok"}}
    seen, labels = figures(text), f'protocol="feddmf",run="{run}"'
    assert seen['feddmf_coordinator_runs{state="finished"}'] == 1
    assert seen['feddmf_coordinator_runs_ended_total{protocol="feddmf",reason="",state="finished"}'] == 1
    assert seen['feddmf_coordinator_sessions{protocol="feddmf"}'] == 0
    assert seen[f"feddmf_coordinator_received_bytes_total{{{labels}}}"] > 1_000
    assert -1 <= seen[f"feddmf_coordinator_alignment_cosine{{{labels}}}"] <= 1
    combined = sum(
        value for name, value in seen.items() if name.startswith("feddmf_coordinator_combine_seconds_sum")
    )
    took = sum(
        value for name, value in seen.items() if name.startswith("feddmf_coordinator_round_seconds_sum")
    )
    assert 0 < combined < took
    assert seen["feddmf_coordinator_ledger_records"] > 0
    assert seen['feddmf_coordinator_calls_total{method="Hello",party="acme"}'] >= 1
    rounds = {
        name: value for name, value in seen.items() if name.startswith("feddmf_coordinator_rounds_total")
    }
    for party, watching in watched.items():
        mine = figures(watching.meters.scrape()[0].decode())
        assert seen[f'feddmf_coordinator_party_ledger_records{{party="{party}"}}'] > 0
        assert mine[f'feddmf_party_connected{{party="{party}"}}'] == 1
        assert mine[f'feddmf_party_runs_ended_total{{party="{party}",reason="",state="finished"}}'] == 1
        told = {name: value for name, value in mine.items() if name.startswith("feddmf_party_rounds_total")}
        assert sum(told.values()) == sum(rounds.values()) > 0
        waited = sum(value for name, value in mine.items() if "exchange_seconds_sum" in name)
        assert 0 < waited < sum(value for name, value in mine.items() if "round_seconds_sum" in name)


def test_no_figure_is_about_a_user_or_an_item(tmp_path: Path) -> None:
    """Neither ids nor how many there are: of a table of its own a party shows nothing."""
    enrolled, port = founded_with_figures(tmp_path)

    async def main() -> str:
        async with served(enrolled, small_run(2)):
            return await asyncio.to_thread(page, port, "/metrics")

    text = asyncio.run(main())
    small = small_run(2)
    keys = {key for items in small.items.values() for key in (*items.matched, *items.exclusive)}
    assert keys
    assert not [key for key in keys if f'"{key}"' in text]
    assert not re.search(r"\b(users?|items?|pairs)\b", "".join(re.findall(r"^\w+", text, re.MULTILINE)))


def test_an_enrolled_party_may_ask_for_health_and_nobody_else(tmp_path: Path) -> None:
    """By the standard service; a watch is told when the server stops."""
    enrolled = founded(tmp_path, small_run(2))

    async def main() -> list[Any]:
        identity = enrolled.identity("acme")
        secured = grpc.ssl_channel_credentials(identity.root_pem, identity.key_pem, identity.certificate_pem)
        async with served(enrolled, small_run(2)):
            async with grpc.aio.secure_channel(enrolled.address, secured) as channel:
                stub = HealthStub(channel)
                found = [await stub.Check(pb.HealthCheckRequest(), timeout=20)]
                found.append(
                    await stub.Check(pb.HealthCheckRequest(service="feddmf.wire.Federation"), timeout=20)
                )
                found.append(await stub.List(pb.HealthListRequest(), timeout=20))
                with pytest.raises(grpc.aio.AioRpcError) as unknown:
                    await stub.Check(pb.HealthCheckRequest(service="elsewhere"), timeout=20)
                watch = stub.Watch(pb.HealthCheckRequest(), timeout=60)
                first = await watch.read()
            stranger = grpc.ssl_channel_credentials(identity.root_pem)
            async with grpc.aio.secure_channel(enrolled.address, stranger) as channel:
                with pytest.raises(grpc.aio.AioRpcError):
                    await HealthStub(channel).Check(pb.HealthCheckRequest(), timeout=20)
        return [*found, unknown.value.code(), first]

    one, named, listed, unknown, first = asyncio.run(main())
    assert {one.status, named.status, first.status} == {pb.HealthCheckResponse.SERVING}
    assert set(listed.statuses) == {"", "feddmf.wire.Federation"}
    assert unknown is grpc.StatusCode.NOT_FOUND


def test_a_taken_port_of_figures_ends_the_start_with_its_name(tmp_path: Path) -> None:
    """And the federation port is free again."""
    enrolled, port = founded_with_figures(tmp_path)

    async def main() -> None:
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
        async with taken:
            with pytest.raises(LocalResourceError, match=f"figures on 127.0.0.1 port {port}"):
                await serving.serve(enrolled.folder, asyncio.Event())

    asyncio.run(main())


def test_a_coordinator_that_comes_back_is_a_reconnect(tmp_path: Path) -> None:
    """Once, however many calls notice; while it is away the node is not connected."""
    enrolled, small, watching = founded(tmp_path, small_run(2)), small_run(2), Watching("acme", Traces())

    def connected() -> float:
        return figures(watching.meters.scrape()[0].decode()).get('feddmf_party_connected{party="acme"}', -1)

    async def main() -> None:
        async with served(enrolled, small) as federation:
            folder = PartyFolder(federation.folder("acme"))
            working = asyncio.create_task(Node(folder, watching.events()).work())
            await until(lambda: connected() == 1)
        await until(lambda: connected() == 0)
        async with served(enrolled, small):
            await until(lambda: connected() == 1)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    asyncio.run(main())
    seen = figures(watching.meters.scrape()[0].decode())
    assert seen['feddmf_party_reconnects_total{party="acme"}'] == 1


def test_processes_write_json_alone_and_end_in_time(tmp_path: Path) -> None:
    """Each line on stderr is a record; an open connection to the figures keeps nobody from ending."""
    enrolled, port = founded_with_figures(tmp_path)
    (own,) = free_ports(1)
    for path in (enrolled.folder.settings_file, enrolled.parties["acme"] / "party.toml"):
        text = path.read_text()
        text = text.replace("\n[logging]\n", '\n[logging]\nformat = "json"\n')
        if "[logging]" not in text:
            text += f'\n[metrics]\nport = {own}\n\n[logging]\nformat = "json"\n'
        write_text(path, text)
    with (
        started(tmp_path, "coordinator", "coordinator", "start", "--folder", str(enrolled.folder.path)) as c,
        socket.create_connection(_reached(c, port)),
        started(tmp_path, "acme", "party", "start", "--folder", str(enrolled.parties["acme"])) as acme,
    ):
        acme.until("connected to federation")
        wait_until(lambda: "feddmf_party_connected" in page(own, "/metrics"), within_s=60)
        assert figures(page(own, "/metrics"))['feddmf_party_connected{party="acme"}'] == 1
        assert json.loads(page(own, "/readyz"))["status"] == "ok"
        assert (acme.terminate(), c.terminate()) == (0, 0)
        records = [json.loads(line) for each in (c, acme) for line in each.said.splitlines()]
    assert {record["logger"].partition(".")[0] for record in records} >= {"feddmf", "feddmf_coordinator"}
    (said,) = (record for record in records if record["message"].startswith("connected to federation"))
    assert said["party"] == "acme"


def _reached(process: Running, port: int) -> tuple[str, int]:
    """Return where a process shows its figures, once it does."""
    process.until("figures are shown")
    return "127.0.0.1", port


def test_records_of_a_run_name_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the coordinator logs within a run's task and a party's call, and what a node does in a run."""
    enrolled = founded(tmp_path, small_run(2))
    heard: list[tuple[str, dict[str, Any]]] = []

    def hear(what: str) -> bool:
        heard.append((what, dict(about())))
        return True

    caplog.set_level("INFO")
    caplog.handler.addFilter(lambda record: hear(record.getMessage()))
    events = NodeEvents(joined=lambda _: hear("joined"), round_done=lambda told: hear(told.phase))

    async def main() -> str:
        async with served(enrolled, small_run(2)) as federation:
            run = federation.submit(quick_run(PARTIES))
            acme = asyncio.create_task(Node(PartyFolder(federation.folder("acme")), events).work(once=True))
            await federation.nodes("bolt")
            await acme
            await federation.ended(run)
            return run

    run = asyncio.run(main())
    told = {what: known for what, known in heard if what in {"joined", f"run {run} is running"}}
    assert list(told.values()) == [{"run": run}, {"run": run}]
    assert [known for what, known in heard if what.startswith("acme publishes")] == [
        {"run": run, "party": "acme"}
    ]
    closed = [known for what, known in heard if what == "close"]
    assert closed == [{"run": run, "phase": "close", "round": 1}]
