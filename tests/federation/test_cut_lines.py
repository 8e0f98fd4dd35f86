"""Large transfers over lines that are cut again and again arrive; what has arrived is not sent again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from feddmf.ledger import PUBLISHING
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf.plan import matched_rows
from feddmf.protocols.base import Phase
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import RESUMED_CHUNK_BYTES
from feddmf_coordinator.server.exchanges import Exchanges
from feddmf_coordinator.store.runs import RunState
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import Cleared
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.settings import NodeSettings
from support.enrolment import until
from support.federation import LiveFederation, live, quick_run
from support.hostile import Bare, ByHand, bare
from support.proxy import FAIR, Proxy, Weather, proxied
from support.runs import SmallRun, small_run

PARTIES = ("acme", "bolt")
DIM = 1_000
SETTINGS: dict[str, Any] = {
    "model": {"embedding_dim": DIM, "hidden_dim": 8},
    "training": {"epochs": 1, "batch_size": 256},
    "alignment": {"syncs_per_epoch": 1, "probe_share": 0},
}
# A part that is cut is lost, with what a machine holds of it on the way.
MOST_LOST = 1_300_000


@dataclass(frozen=True)
class _Table:
    """A run that both parties have joined; the line of acme is a bad one."""

    federation: LiveFederation
    clients: dict[str, FederationClient]
    run: str
    hand: ByHand
    line: Proxy

    def cleared(self, party: str, phase: str, number: int, payload: Payload, schema: Any) -> Cleared:
        """Record a release in the place of the gate."""
        ledger = LedgerFile(self.federation.folder(party) / "ledger.jsonl")
        record = ledger.append({"event": "release", "phase": phase, "round": number})
        return Cleared(self.run, phase, number, schema, payload, record, payload.sha256())

    async def exchange(self, phase: Phase) -> dict[str, Reply]:
        """Take both through round 0 of a phase."""

        async def one(party: str) -> Reply:
            cleared = self.cleared(party, phase.name, 0, self.hand.payload(party, phase), phase.contribution)
            sizes = self.hand.rows.sizes(party)
            return await self.clients[party].exchange(cleared, reply=phase.reply, sizes=sizes, limit_s=60)

        return dict(zip(PARTIES, await asyncio.gather(*map(one, PARTIES)), strict=True))

    async def publish(self, party: str, payload: Payload) -> tuple[str, ...]:
        """Publish vectors of all that a party alone sells; return the keys."""
        keys = self.federation.small.items[party].exclusive
        cleared = self.cleared(party, PUBLISHING, 0, payload, self.hand.publication)
        await self.clients[party].publish(cleared, keys, limit_s=60)
        return keys


@contextlib.asynccontextmanager
async def _table(path: Path, small: SmallRun, weather: Weather) -> AsyncIterator[_Table]:
    async with (
        live(path, small) as federation,
        proxied(federation.enrolled.settings.port, weather) as line,
        _client(federation, "acme", line.port) as acme,
        _client(federation, "bolt") as bolt,
    ):
        run = federation.submit(quick_run(PARTIES, **SETTINGS))
        assert await asyncio.gather(_join(acme), _join(bolt)) == [run, run]
        await until(lambda: federation.run(run).state is RunState.RUNNING)
        plan = federation.run(run).plan
        hand = ByHand(plan, matched_rows(small.catalogue, plan))
        yield _Table(federation, {"acme": acme, "bolt": bolt}, run, hand, line)


@contextlib.asynccontextmanager
async def _client(
    federation: LiveFederation, party: str, port: int | None = None
) -> AsyncIterator[FederationClient]:
    files = IdentityFiles(federation.folder(party))
    if port is not None:
        named = files.load_federation()
        files.write_federation(named.model_copy(update={"federation_address": f"localhost:{port}"}))
    async with FederationClient(federation.folder(party), NodeSettings(call_s=20, reconnect_s=20)) as client:
        yield client


async def _join(client: FederationClient) -> str:
    found: list[str] = []

    async def waiting() -> bool:
        found.append((await client.beat("")).waiting_run)
        return bool(found[-1])

    await until(waiting)
    await client.answer_run(found[-1], accept=True)
    return found[-1]


def test_a_contribution_and_its_reply_go_on_where_they_were_cut(tmp_path: Path) -> None:
    """16 MB up and 16 MB down over a line that breaks every 3 MB, in the middle of whatever it carries."""
    small = small_run(2, shared=4_000, own=1, users=4, each=4)
    weather = Weather(cut_every=3_000_000, bytes_per_s=32_000_000)

    async def main() -> None:
        async with _table(tmp_path, small, weather) as table:
            phase = table.hand.phases[0]
            whole = phase.contribution.nbytes(table.hand.rows.sizes("acme"))
            assert 16_000_000 <= whole < 16_100_000
            replies = await table.exchange(phase)
            line = table.line
            assert line.cuts >= 8
            for travelled in (line.up, line.down):
                assert whole < travelled < whole + line.cuts * MOST_LOST
            # What came over it is what the quiet line brought, each with its own share of the two.
            for party, peer in (("acme", "bolt"), ("bolt", "acme")):
                sent = table.hand.payload(peer, phase)["vectors"]
                unit = sent / np.linalg.norm(sent, axis=1, keepdims=True)
                np.testing.assert_allclose(replies[party].payload["vectors"], unit, atol=1e-5)

    asyncio.run(main())


@pytest.mark.parametrize("knows", [True, False], ids=["version 3", "version 2"])
def test_a_whole_run_goes_over_a_bad_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, knows: bool
) -> None:
    """Contributions, replies, publications both ways: parts of a mebibyte never get through it whole.

    A coordinator that knows of no such thing is sent all again, over a line that lets it through.
    """
    small = small_run(2, shared=300, own=250, users=4, each=4)

    async def unknown(_: object, __: pb.HeldRequest, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")

    if not knows:
        monkeypatch.setattr(Exchanges, "GetHeld", unknown)
    most = 4 * RESUMED_CHUNK_BYTES if knows else 2_000_000
    weather = Weather(cut_every=most, bytes_per_s=4_000_000)

    async def main() -> None:
        async with _table(tmp_path, small, weather) as table:
            for phase in table.hand.phases:
                await table.exchange(phase)
            keys: dict[str, tuple[str, ...]] = {}
            vectors = {
                p: Payload({"vectors": np.full((250, DIM), n, np.float32)}) for n, p in enumerate(PARTIES)
            }
            for party in PARTIES:
                keys[party] = await table.publish(party, vectors[party])
            assert (await table.federation.ended(table.run)).state is RunState.FINISHED
            offered, payload, _ = await table.clients["acme"].publication(
                table.run, "bolt", table.hand.publication, limit_s=60
            )
            assert tuple(key for key, _ in offered) == keys["bolt"]
            assert payload.sha256() == vectors["bolt"].sha256()
            _, kept = table.federation.published(table.run)["acme"]
            assert kept.sha256() == vectors["acme"].sha256()
            assert table.line.cuts >= (6 if knows else 1)

    asyncio.run(main())


def test_a_reply_that_was_lost_costs_no_second_contribution(tmp_path: Path) -> None:
    """The line breaks while a peer is waited for: what is there already is named, and not sent again."""
    small = small_run(2, shared=250, own=1, users=4, each=4)

    async def main() -> None:
        async with _table(tmp_path, small, FAIR) as table:
            phase = table.hand.phases[0]
            sizes = table.hand.rows.sizes("acme")

            def sent(party: str) -> Cleared:
                payload = table.hand.payload(party, phase)
                return table.cleared(party, phase.name, 0, payload, phase.contribution)

            whole = phase.contribution.nbytes(sizes)
            waiting = asyncio.create_task(
                table.clients["acme"].exchange(sent("acme"), reply=phase.reply, sizes=sizes, limit_s=60)
            )
            for times in range(3):
                await until(lambda: table.line.up > whole)
                await asyncio.sleep(0.2)
                connections = table.line.connections
                table.line.cut()
                await until(lambda before=connections: table.line.connections > before)
                assert times < 3
            reply = await table.clients["bolt"].exchange(
                sent("bolt"), reply=phase.reply, sizes=sizes, limit_s=60
            )
            assert (await waiting).done == reply.done
            assert whole < table.line.up < 1.5 * whole

    asyncio.run(main())


def test_a_party_of_version_2_is_served(tmp_path: Path) -> None:
    """Its greeting says one number; it is answered with that one."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as acme:
            said = await acme.say("Hello", pb.HelloRequest(protocol_version=2, software="0.6"))
            (reply,) = said.replies
            assert (reply.protocol_version, reply.federation) == (2, federation.enrolled.settings.federation)
            assert reply.software == version("feddmf")
            later = await acme.say("Hello", pb.HelloRequest(protocol_version=2, newest_version=9))
            assert later.replies[0].protocol_version == 3
            refused = await acme.say("Hello", pb.HelloRequest(protocol_version=1, software="0.5"))
            assert (
                refused.text == "the party speaks wire version 1, the coordinator 2 to 3\nupgrade the party"
            )

    asyncio.run(main())


def test_what_one_party_sent_another_cannot_go_on_with(tmp_path: Path) -> None:
    """Nor learn of: it is told that nothing is held, and its stream is cut short."""
    small = small_run(2, shared=100, own=1, users=4, each=4)

    async def main() -> None:
        async with (
            _table(tmp_path, small, FAIR) as table,
            bare(table.federation.enrolled, "acme") as acme,
            bare(table.federation.enrolled, "bolt") as bolt,
        ):
            phase = table.hand.phases[0]
            payload = table.hand.payload("acme", phase)
            parts = Bare.contribution(table.run, phase.name, 0, payload, phase.contribution)
            assert (await acme.exchange(parts[:-1])).how == "UNAVAILABLE"
            asked = pb.HeldRequest(run=table.run, phase=phase.name, round=0, sha256=payload.sha256())
            held = phase.contribution.nbytes(table.hand.rows.sizes("acme")) - len(parts[-1].payload.data)
            for party, its in ((acme, held), (bolt, 0)):
                assert (await party.say("GetHeld", asked)).replies[0].held == its
            parts[1].payload.header.start = held
            assert (await bolt.exchange([parts[0], parts[1], parts[-1]])).how == "UNAVAILABLE"
            assert table.federation.run(table.run).state is RunState.RUNNING

    asyncio.run(main())
