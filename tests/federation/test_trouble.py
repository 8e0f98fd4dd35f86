"""Torn connections, an absent coordinator, broken code and disks: bounded, told, and nothing hangs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import ConnectError, LocalResourceError, RunFailed
from feddmf.protocols.feddmf import FedDMF
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.store.runs import RunState
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.node import Node, NodeEvents
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.enrolment import until
from support.federation import NODE, LiveFederation, Watch, founded, live, quick_run, rounds_of, served
from support.proxy import proxied
from support.runs import small_run


def _redirect(folder: Path, port: int) -> None:
    files = IdentityFiles(folder)
    named = files.load_federation()
    files.write_federation(named.model_copy(update={"federation_address": f"localhost:{port}"}))


def test_torn_connections_change_no_bit(tmp_path: Path) -> None:
    """A party whose connection is cut again and again ends with the vectors of a quiet run."""
    settings = quick_run(("acme", "bolt"), training={"epochs": 12})

    async def main() -> dict[str, Any]:
        async with live(tmp_path) as federation, proxied(federation.enrolled.settings.port) as proxy:
            _redirect(federation.folder("bolt"), proxy.port)
            cuts = 0

            def cut(*_: object) -> None:
                nonlocal cuts
                cuts += 1
                if cuts % 8 == 0:
                    proxy.cut()

            run = federation.submit(settings)
            node = Node(PartyFolder(federation.folder("bolt")), NodeEvents(round_done=cut))
            await asyncio.gather(federation.node("acme"), node.work(once=True))
            assert federation.run(run).state is RunState.FINISHED
            assert cuts == 49
            kept = RunFolder(federation.folder("bolt") / "runs" / run)
            return {name: array.tobytes() for name, array in kept.load_model().items()}

    torn = asyncio.run(main())
    folders = {party: tmp_path / party for party in ("acme", "bolt")}
    quiet = simulate_folders(settings, small_run(2).catalogue, folders, tmp_path / "out")
    assert torn == {name: array.tobytes() for name, array in quiet["bolt"].load_model().items()}


def test_a_coordinator_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    """After `reconnect_s`, with its address and what to check."""
    enrolled = founded(tmp_path, small_run(2), node={**NODE, "reconnect_s": 0.5})

    async def main() -> None:
        node = Node(PartyFolder(enrolled.parties["acme"]), NodeEvents())
        async with asyncio.timeout(10):
            with pytest.raises(ConnectError, match=rf"{enrolled.address} cannot be reached") as caught:
                await node.work()
        assert "check that it runs" in caught.value.hint

    asyncio.run(main())


def test_a_coordinator_that_comes_back_in_time_is_gone_on_with(tmp_path: Path) -> None:
    """Nodes that wait do not notice; a run that was under way goes on, and the next one follows."""
    small = small_run(2)
    enrolled = founded(tmp_path, small)
    watches = {party: Watch() for party in ("acme", "bolt")}

    def begin(federation: LiveFederation) -> list[asyncio.Task[Any]]:
        return [
            asyncio.create_task(federation.node(party, watch, once=False)) for party, watch in watches.items()
        ]

    async def main() -> None:
        async with served(enrolled, small) as federation:
            nodes = begin(federation)
            first = federation.submit(
                quick_run(("acme", "bolt"), training={"epochs": 20}, alignment={"max_rounds": 80})
            )
            await until(lambda: watches["acme"].count("round_done") > 2, within_s=20)
        assert len(rounds_of(enrolled, first)) < 81
        async with served(enrolled, small) as federation:
            assert federation.run(first).state is RunState.RUNNING
            second = federation.submit(quick_run(("acme", "bolt")))
            assert (await federation.ended(first, within_s=60)).state is RunState.FINISHED
            assert (await federation.ended(second)).state is RunState.FINISHED
            assert [each["position"] for each in federation.rounds(first)] == list(range(81))
            await until(lambda: all(watch.count("finished") == 2 for watch in watches.values()))
            for node in nodes:
                node.cancel()
            await asyncio.gather(*nodes, return_exceptions=True)
        for watch in watches.values():
            assert watch.count("failed") == 0

    asyncio.run(main())


def test_a_round_that_cannot_be_combined_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of the coordinator is told as one; both parties end, and the server serves the next run."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    async def main() -> None:
        async with live(tmp_path) as federation:
            with monkeypatch.context() as patch:
                patch.setattr(FedDMF, "combine", broken)
                run = federation.submit(quick_run(("acme", "bolt")))
                results = await federation.nodes("acme", "bolt")
            found = await federation.ended(run)
            assert found.reason == "an internal error of the coordinator; its log says more"
            assert {str(error) for error in results.values()} == {found.reason}
            assert {type(error) for error in results.values()} == {RunFailed}
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}

    asyncio.run(main())


def test_a_full_disk_at_the_coordinator_holds_the_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its database cannot hold is written once there is room, and the run is no worse for it."""
    written: list[str] = []
    write_rounds = Journal.write_rounds

    async def full(self: Journal) -> None:
        if not self._unwritten or len(written) > 2:
            return await write_rounds(self)
        written.append("no")
        raise LocalResourceError("cannot use the database: database or disk is full", hint="free space")

    monkeypatch.setattr(Journal, "write_rounds", full)

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}
            assert (await federation.ended(run)).state is RunState.FINISHED
            assert [each["position"] for each in federation.rounds(run)] == list(range(13))
        assert len(written) == 3

    asyncio.run(main())
