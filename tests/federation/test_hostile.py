"""Streams and messages that no party of ours would send: refused, put down to their sender, survived."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from feddmf.plan import matched_rows
from feddmf.wire import federation_pb2 as pb
from feddmf.wire import payload_pb2 as parts_pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES
from feddmf.wire.framing import open_stub
from feddmf_coordinator.server import supervisor
from feddmf_coordinator.server.calls import MOST_TRANSFERS
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.store.runs import RunState
from support.enrolment import until
from support.federation import LiveFederation, live, quick_run
from support.hostile import Bare, ByHand, Said, bare
from support.runs import small_run

Parts = list[pb.ExchangePart]
PATH = "../../../../etc/passwd\x00\x1b[2J"


@dataclass(frozen=True)
class _Table:
    """A served federation, its two bare parties, and a run that both have joined."""

    federation: LiveFederation
    acme: Bare
    bolt: Bare
    run: str
    by_hand: ByHand

    async def finish(self) -> None:
        """Publish nothing much, and see the run finish."""
        for party in (self.bolt, self.acme):
            assert (await party.publish(self.by_hand.offer([f"{party.party}-000"]))).how == "OK"
        assert (await self.federation.ended(self.run)).state is RunState.FINISHED


@contextlib.asynccontextmanager
async def _parties(path: Path, count: int = 2) -> AsyncIterator[tuple[LiveFederation, Bare, Bare]]:
    async with (
        live(path, small_run(count)) as federation,
        bare(federation.enrolled, "acme") as acme,
        bare(federation.enrolled, "bolt") as bolt,
    ):
        yield federation, acme, bolt


async def _joined(federation: LiveFederation, acme: Bare, bolt: Bare, **sections: object) -> _Table:
    run = federation.submit(quick_run(("acme", "bolt"), **sections))
    assert await asyncio.gather(acme.join(), bolt.join()) == [run, run]
    await until(lambda: federation.run(run).state is RunState.RUNNING)
    plan = federation.run(run).plan
    return _Table(federation, acme, bolt, run, ByHand(plan, matched_rows(federation.small.catalogue, plan)))


async def _a_later_run_works(federation: LiveFederation) -> None:
    """Let two honest nodes take a run to its end."""
    run = federation.submit(quick_run(("acme", "bolt")))
    assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}
    assert federation.run(run).state is RunState.FINISHED


def _header(part: pb.ExchangePart) -> parts_pb.PayloadHeader:
    return part.payload.header


def _taller(parts: Parts) -> Parts:
    _header(parts[1]).arrays[0].rows += 1
    return parts


def _wider(parts: Parts) -> Parts:
    _header(parts[1]).arrays[0].columns += 1
    return parts


def _vast(parts: Parts) -> Parts:
    _header(parts[1]).arrays[0].rows = 2**63
    return parts


def _doubles(parts: Parts) -> Parts:
    _header(parts[1]).arrays[0].dtype = parts_pb.FLOAT64
    return parts


def _counts(parts: Parts) -> Parts:
    _header(parts[1]).arrays[0].kind = parts_pb.ITEM_COUNT
    return parts


def _many_names(parts: Parts) -> Parts:
    _header(parts[1]).arrays.extend(parts_pb.ArrayHeader(name="\x1b[2J\n" * 9) for _ in range(9_000))
    return parts


def _no_header(parts: Parts) -> Parts:
    return [parts[0], *parts[2:]]


def _two_headers(parts: Parts) -> Parts:
    return [*parts[:2], parts[1], *parts[2:]]


def _no_digest(parts: Parts) -> Parts:
    _header(parts[1]).sha256 = b""
    return parts


def _wrong_digest(parts: Parts) -> Parts:
    _header(parts[1]).sha256 = bytes(32)
    return parts


def _too_long(parts: Parts) -> Parts:
    return [*parts, parts[-1]]


def _endless(parts: Parts) -> Parts:
    return parts + [pb.ExchangePart(payload=parts_pb.PayloadPart(data=b"\0" * 1_000_000))] * 50


def _nothing_in_it(parts: Parts) -> Parts:
    return [*parts[:2], pb.ExchangePart(payload=parts_pb.PayloadPart(data=b"")), *parts[2:]]


def _two_addresses(parts: Parts) -> Parts:
    return [*parts[:2], parts[0], *parts[2:]]


def _other_run_inside(parts: Parts) -> Parts:
    return [parts[0], pb.ExchangePart(), *parts[1:]]


MISFITS: tuple[Callable[[Parts], Parts], ...] = (
    _taller,
    _wider,
    _vast,
    _doubles,
    _counts,
    _many_names,
    _no_header,
    _two_headers,
    _no_digest,
    _wrong_digest,
    _too_long,
    _endless,
    _nothing_in_it,
    _two_addresses,
    _other_run_inside,
)


def test_what_was_not_declared_ends_the_run_and_names_its_sender(tmp_path: Path) -> None:
    """Each misfit ends its run; the other party is told; after all of them a run works on the same server."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            for misfit in MISFITS:
                table = await _joined(federation, acme, bolt)
                honest, dishonest = await asyncio.gather(
                    acme.exchange(table.by_hand.contribution("acme")),
                    bolt.exchange(misfit(table.by_hand.contribution("bolt"))),
                )
                found = await federation.ended(table.run)
                _names_bolt(misfit.__name__, found.reason, honest, dishonest)
            await _a_later_run_works(federation)

    def _names_bolt(name: str, reason: str, honest: Said, dishonest: Said) -> None:
        assert reason.startswith("bolt sent "), name
        assert "acme" not in reason, name
        assert len(reason) < 400, name
        assert reason.isprintable(), name
        assert (honest.how, honest.text) == ("ended", reason), name
        # Who is still sending when the run ends may see its stream torn instead.
        assert dishonest.how == "INTERNAL" or (dishonest.how, dishonest.text) == ("ended", reason), name

    asyncio.run(main())


def test_a_message_over_the_limit_is_not_read(tmp_path: Path) -> None:
    """gRPC refuses it before it is in memory; the run goes on and finishes."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            big = pb.ExchangePart(payload=parts_pb.PayloadPart(data=b"\0" * MAX_MESSAGE_BYTES))
            said = await bolt.exchange([table.by_hand.contribution("bolt")[0], big])
            assert said.how == "RESOURCE_EXHAUSTED"
            await table.by_hand.train(acme, bolt)
            await table.finish()

    asyncio.run(main())


def test_a_stream_that_is_cut_short_is_nobodys_fault(tmp_path: Path) -> None:
    """It may be sent again, and the run finishes."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            whole = table.by_hand.contribution("bolt")
            for parts in ([], whole[:1], whole[:2], whole[:-1]):
                said = await bolt.exchange(parts)
                assert said == Said("UNAVAILABLE", "what was sent is cut short; send it again")
            for parts in (whole[:1], whole[:2]):
                call = bolt.stub.Exchange(_unended(parts), timeout=10)
                await asyncio.sleep(0.05)
                call.cancel()
            await table.by_hand.train(acme, bolt)
            await table.finish()

    asyncio.run(main())


async def _unended(parts: Parts) -> AsyncIterator[pb.ExchangePart]:
    """Send parts and then nothing, without an end."""
    for part in parts:
        yield part
    await asyncio.Event().wait()


def test_a_contribution_counts_once(tmp_path: Path) -> None:
    """The same bytes again get the same reply, before and after the round; other bytes end the run."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            parts = table.by_hand.contribution("bolt")

            async def sent() -> Said:
                # Of two streams at once the later one is read, and the other is to come again.
                for _ in range(5):
                    if (said := await bolt.exchange(parts)).how != "UNAVAILABLE":
                        break
                return said

            waiting = [asyncio.create_task(sent()) for _ in range(2)]
            await acme.exchange(table.by_hand.contribution("acme"))
            first, second = await asyncio.gather(*waiting)
            again = await bolt.exchange(parts)
            assert first == second == again
            assert first.how == "OK"
            assert len(first.replies) > 1
            other = await bolt.exchange(table.by_hand.contribution("bolt", seed=1))
            assert other == Said("ended", "bolt sent two different contributions to one round", other.replies)
            assert (await federation.ended(table.run)).reason == other.text
            late = await acme.exchange(table.by_hand.contribution("acme", 1))
            assert (late.how, late.text) == ("ended", other.text)

    asyncio.run(main())


def test_other_bytes_for_the_open_round_end_the_run(tmp_path: Path) -> None:
    """Also while the first contribution still waits for the others."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            waiting = asyncio.create_task(bolt.exchange(table.by_hand.contribution("bolt")))
            await asyncio.sleep(0.1)
            other = await bolt.exchange(table.by_hand.contribution("bolt", seed=1))
            assert other.text == (await waiting).text == "bolt sent two different contributions to one round"
            assert (await federation.ended(table.run)).reason == other.text

    asyncio.run(main())


def test_addresses_that_lead_nowhere_are_told_so_and_change_nothing(tmp_path: Path) -> None:
    """Rounds to come and gone by, other runs, phases and runs with paths for names: the run finishes."""

    async def _misaddressed(table: _Table, foreign: str) -> None:
        whole = table.by_hand.contribution("bolt")
        for run, phase, number, words in (
            (table.run, "align", 5, "is not the open round"),
            (table.run, "align", 2**32 - 1, "has no round"),
            (table.run, "close", 0, "is not the open round"),
            (table.run, PATH, 0, "has no phase"),
            (table.run, "x" * 1_000_000, 0, "has no phase"),
            (foreign, "align", 0, "bolt has no part in a run"),
            ("no-such-run", "align", 0, "bolt has no part in a run"),
            (PATH, "align", 0, "bolt has no part in a run"),
            ("x" * 1_000_000, "align", 0, "bolt has no part in a run"),
            ("", "", 0, "bolt has no part in a run"),
        ):
            address = pb.ExchangeAddress(run=run, phase=phase, round=number)
            said = await table.bolt.exchange([pb.ExchangePart(address=address), *whole[1:]])
            assert said.how == "ended", (run[:40], phase[:40])
            assert words in said.text
            assert len(said.text) < 300

    async def run() -> None:
        async with _parties(tmp_path, count=4) as (federation, acme, bolt):
            foreign = federation.submit(quick_run(("cargo", "delta")))
            table = await _joined(federation, acme, bolt)
            await _misaddressed(table, foreign)
            await table.by_hand.train(acme, bolt)
            gone = await bolt.exchange(table.by_hand.contribution("bolt", 3))
            assert "is not the open round" in gone.text
            await table.finish()

    asyncio.run(run())


def test_calls_without_sense_are_answered_with_one(tmp_path: Path) -> None:
    """Each is refused with a short message of its kind, and an honest run works afterwards."""
    long = "x" * 1_000_000
    calls = (
        ("Hello", pb.HelloRequest(protocol_version=99), "ABORTED", "upgrade the coordinator"),
        ("Hello", pb.HelloRequest(), "ABORTED", "upgrade the party"),
        ("Beat", pb.BeatRequest(run=PATH), "ABORTED", "has no part in a run"),
        ("Beat", pb.BeatRequest(run=long), "ABORTED", "has no part in a run"),
        ("GetPlan", pb.GetPlanRequest(run=PATH), "ABORTED", "has no part in a run"),
        ("GetPlan", pb.GetPlanRequest(), "ABORTED", "has no part in a run"),
        (
            "GetCatalogue",
            pb.GetCatalogueRequest(version=2**32 - 1),
            "FAILED_PRECONDITION",
            "not been published",
        ),
        (
            "AcceptCatalogue",
            pb.AcceptCatalogueRequest(version=1, digest=long),
            "FAILED_PRECONDITION",
            "digest",
        ),
        ("AcceptCatalogue", pb.AcceptCatalogueRequest(version=7), "FAILED_PRECONDITION", "digest"),
        ("AnswerRun", pb.AnswerRunRequest(run=PATH, accept=True), "ABORTED", "has no part in a run"),
        ("AnswerRun", pb.AnswerRunRequest(run=long, reason=long[:9]), "ABORTED", "has no part in a run"),
        ("GetPublication", pb.GetPublicationRequest(run=PATH, party=PATH), "ABORTED", "has no part in a run"),
    )

    async def main() -> None:
        async with _parties(tmp_path) as (federation, _, bolt):
            for method, message, how, words in calls:
                said = await bolt.say(method, message)
                assert (said.how, words in said.text) == (how, True), (method, said)
                assert len(said.text) < 1_000
            for method in ("Beat", "GetPlan", "Hello"):
                assert await _raw(federation, method, b"\xff" * 64) in {"INTERNAL", "UNKNOWN"}
            await _a_later_run_works(federation)
            finished = "small-1"
            for party in (PATH, "cargo", ""):
                said = await bolt.say("GetPublication", pb.GetPublicationRequest(run=finished, party=party))
                assert said.how == "ABORTED"
                assert "has published nothing" in said.text
            late = await bolt.publish([pb.PublishPart(address=pb.PublicationAddress(run=finished))])
            assert late.how == "UNAVAILABLE"

    asyncio.run(main())


async def _raw(federation: LiveFederation, method: str, message: bytes) -> str:
    """Send bytes that are no message; return the status."""
    identity = federation.enrolled.identity("bolt")
    credentials = grpc.ssl_channel_credentials(identity.root_pem, identity.key_pem, identity.certificate_pem)
    async with grpc.aio.secure_channel(federation.enrolled.address, credentials) as channel:
        try:
            await channel.unary_unary(f"/feddmf.wire.Federation/{method}")(message, timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


def test_who_has_not_joined_or_has_no_seat_is_not_heard(tmp_path: Path) -> None:
    """A party outside the roster, and one that has not answered: neither can touch the run."""

    async def main() -> None:
        async with (
            _parties(tmp_path, count=3) as (federation, acme, bolt),
            bare(federation.enrolled, "cargo") as cargo,
        ):
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await acme.join() == run
            plan = federation.run(run).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            early = await bolt.exchange(by_hand.contribution("bolt"))
            assert early.text == f"bolt has not joined run {run}"
            outside = [
                await cargo.say("GetPlan", pb.GetPlanRequest(run=run)),
                await cargo.say("Beat", pb.BeatRequest(run=run)),
                await cargo.say("AnswerRun", pb.AnswerRunRequest(run=run, accept=False, reason="no")),
                await cargo.say("GetPublication", pb.GetPublicationRequest(run=run, party="acme")),
                await cargo.exchange(by_hand.contribution("bolt")),
                await cargo.publish(by_hand.offer(["bolt-000"])),
            ]
            for said in outside:
                assert said.text.startswith(f"cargo has no part in a run '{run}'")
            assert await bolt.join() == run
            await by_hand.train(acme, bolt)
            await _Table(federation, acme, bolt, run, by_hand).finish()

    asyncio.run(main())


def test_a_reason_is_shown_short_and_without_control_characters(tmp_path: Path) -> None:
    """The operator's terminal is not a party's to write on."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, _, bolt):
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await bolt.waiting_run() == run
            reason = "[" * 500_000 + "\x1b[2J\n"
            said = await bolt.say("AnswerRun", pb.AnswerRunRequest(run=run, accept=False, reason=reason))
            assert said.how == "OK"
            found = await federation.ended(run)
            assert found.reason.startswith("bolt declines the run: [[[")
            assert len(found.reason) < 600
            second = federation.submit(quick_run(("acme", "bolt")))
            await until(lambda: federation.run(second).state is RunState.GATHERING)
            await bolt.say("AnswerRun", pb.AnswerRunRequest(run=second, reason="a\x1b[2J\nb\u202ec"))
            assert (await federation.ended(second)).reason == "bolt declines the run: a [2J b c"

    asyncio.run(main())


def _strangers(by_hand: ByHand) -> Iterator[tuple[str, list[pb.PublishPart], str]]:
    """Yield publications that are not bolt's to make, and what is said of them."""
    yield "peer's", by_hand.offer(["acme-000"]), "publishes 'acme-000', which is not an item of its own"
    yield "shared", by_hand.offer(["m000"]), "publishes 'm000', which is not an item of its own"
    yield "unknown", by_hand.offer(["bolt-000", PATH]), "which is not an item of its own"
    yield "twice", by_hand.offer(["bolt-000", "bolt-000"]), "publishes item 'bolt-000' twice"
    yield "more keys", by_hand.offer(["bolt-000"], np.ones((2, 8), np.float32)), "where vectors[1, 8] is"
    yield "no keys", by_hand.offer([], np.ones((2, 8), np.float32)), "where vectors[0, 8] is declared"
    yield "wide", by_hand.offer(["bolt-000"], np.ones((1, 9), np.float32)), "where vectors[1, 8] is"
    yield "nan", by_hand.offer(["bolt-000"], np.full((1, 8), np.nan, np.float32)), "row 0 is not finite"
    whole = by_hand.offer(["bolt-000"])
    yield "keys behind", [*whole, *by_hand.offer(["bolt-001"])[1:2]], "a part that is no part of a payload"
    no_key = pb.PublishPart(items=pb.OfferedItems())
    yield "no item", [whole[0], no_key, *whole[1:]], "a part that names no item"
    long = pb.PublishPart(items=pb.OfferedItems(items=[pb.OfferedItem(key="k" * 900_000)]))
    yield "long key", [whole[0], long], "which is not an item of its own"


def test_a_party_publishes_only_what_it_sells_and_another_lacks(tmp_path: Path) -> None:
    """Anything else ends the run, and what an honest party has published by then is withdrawn."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            shelf = federation.enrolled.folder.path / "vectors"
            for number in range(11):
                table = await _joined(
                    federation, acme, bolt, training={"epochs": 1}, alignment={"syncs_per_epoch": 1}
                )
                name, parts, words = list(_strangers(table.by_hand))[number]
                await table.by_hand.train(acme, bolt)
                assert (await acme.publish(table.by_hand.offer(["acme-000"]))).how == "OK"
                assert list(shelf.glob("*/*"))
                said = await bolt.publish(parts)
                found = await federation.ended(table.run)
                assert (said.how, words in said.text) == ("ABORTED", True), (name, said)
                assert found.reason == said.text.splitlines()[0], name
                assert found.state is RunState.FAILED
                assert federation.published(table.run) == {}
                await until(lambda: not list(shelf.glob("*")))
            await _a_later_run_works(federation)

    asyncio.run(main())


def test_an_offer_of_what_is_not_its_own_is_not_announced(tmp_path: Path) -> None:
    """Nor one without end or sense; the peers go on seeing what was there before."""

    def offer(*keys: str, version: int = 1) -> list[pb.OfferPart]:
        items = [pb.OfferedItem(key=key) for key in keys]
        return [pb.OfferPart(catalogue_version=version), pb.OfferPart(items=items)]

    async def main() -> None:
        async with _parties(tmp_path) as (_, acme, bolt):
            assert (await bolt.announce(offer("bolt-000"))).how == "OK"
            for parts, words in (
                (offer("acme-000"), "not an item of its own"),
                (offer("m000"), "every party sells"),
                (offer("bolt-001", PATH), "not an item of its own"),
                (offer("k" * 500_000), "an overlong key"),
                (offer("bolt-001", version=7), "has not been published"),
                ([*offer("bolt-001"), pb.OfferPart()], "a part without any"),
            ):
                said = await bolt.announce(parts)
                assert (said.how, words in said.text) == ("FAILED_PRECONDITION", True), said
                assert len(said.text) < 400
            (listed,) = (await acme.say("ListOffers", pb.ListOffersRequest())).replies
            assert (listed.owner, [item.key for item in listed.items]) == ("bolt", ["bolt-000"])

    asyncio.run(main())


def test_nothing_is_published_before_the_end_or_twice(tmp_path: Path) -> None:
    """Early, cut short, and other vectors than before are refused; the same again is not."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            offer = table.by_hand.offer(["bolt-000"])
            early = await bolt.publish(offer)
            assert early.how == "ABORTED"
            assert "nothing is published before its last round" in early.text
            await table.by_hand.train(acme, bolt)
            for parts in (offer[:1], offer[:2], offer[:3]):
                assert (await bolt.publish(parts)).how == "UNAVAILABLE"
            assert (await bolt.publish(offer)).how == "OK"
            other = await bolt.publish(table.by_hand.offer(["bolt-000"], np.zeros((1, 8), np.float32)))
            assert "has published other vectors" in other.text
            await table.finish()
            # Also where the last acknowledgement got lost and the run is over.
            assert (await bolt.publish(offer)).how == "OK"
            other = await bolt.publish(table.by_hand.offer(["bolt-000"], np.zeros((1, 8), np.float32)))
            assert "has published other vectors" in other.text
            assert (federation.published(table.run)["bolt"][1]["vectors"] == 1).all()

    asyncio.run(main())


def test_one_party_holds_no_more_than_its_share(tmp_path: Path) -> None:
    """Forty streams that never end: a few are held, the rest turned away, and the others are served."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            first = table.by_hand.contribution("bolt")[:1]
            calls = [asyncio.create_task(bolt.exchange(_unended(first))) for _ in range(40)]
            await until(lambda: sum(call.done() for call in calls) == 40 - MOST_TRANSFERS)
            turned_away = {call.result() for call in calls if call.done()}
            assert turned_away == {Said("UNAVAILABLE", "too many calls at once; try again")}
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            assert (await bolt.say("Beat", pb.BeatRequest())).how == "OK"
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await table.by_hand.train(acme, bolt)
            await table.finish()

    asyncio.run(main())


@pytest.mark.parametrize("sent", [1, 2])
def test_a_stream_that_stalls_ends_with_the_round(tmp_path: Path, sent: int) -> None:
    """A party that keeps its stream open without sending is missing like any other."""

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt, waits={"round_s": 0.5})
            stalled = asyncio.create_task(bolt.exchange(_unended(table.by_hand.contribution("bolt")[:sent])))
            honest = await acme.exchange(table.by_hand.contribution("acme"))
            found = await federation.ended(table.run)
            assert honest.text == found.reason
            assert found.reason == (
                "bolt is missing: nothing came within 0.5 s; "
                "the run waits for its contribution to align 1 of 12"
            )
            assert (await stalled).how in {"UNAVAILABLE", "ended"}

    asyncio.run(main())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_bytes_that_are_no_message_are_an_error_of_their_sender(tmp_path: Path, place: int) -> None:
    """Before its run is known a stream of nonsense is refused, later it is misconduct; the server goes on."""

    async def main() -> None:
        async with (
            _parties(tmp_path) as (federation, acme, bolt),
            bare(federation.enrolled, "bolt", stub=open_stub) as raw,
        ):
            table = await _joined(federation, acme, bolt)
            parts: list[Any] = [part.SerializeToString() for part in table.by_hand.contribution("bolt")]
            parts[place] = b"\x12\xff\xff\xff\xff\xff"
            said = await raw.exchange(parts)
            if said.how == "INTERNAL":
                # gRPC's own word where a stream is ended while more of it is still being sent.
                said = await raw.exchange(parts[:1])
            if place == 0:
                assert said.how == "FAILED_PRECONDITION"
                assert "bytes that are no message" in said.text
                await table.by_hand.train(acme, bolt)
                await table.finish()
            else:
                assert (await federation.ended(table.run)).reason == "bolt sent bytes that are no message"
            await _a_later_run_works(federation)

    asyncio.run(main())


def test_an_ended_run_leaves_nothing_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions, with their round tables and payloads, go with their runs: finished, failed or stopped."""
    sessions: weakref.WeakSet[Session] = weakref.WeakSet()

    def watched(*arguments: Any, **named: Any) -> Session:
        sessions.add(session := Session(*arguments, **named))
        return session

    def left() -> int:
        gc.collect()
        return len(sessions)

    monkeypatch.setattr(supervisor, "Session", watched)

    async def main() -> None:
        async with _parties(tmp_path) as (federation, acme, bolt):
            table = await _joined(federation, acme, bolt)
            assert left() == 1
            await table.by_hand.train(acme, bolt)
            await table.finish()
            failed = await _joined(federation, acme, bolt)
            await bolt.exchange(_taller(failed.by_hand.contribution("bolt")))
            await federation.ended(failed.run)
            stopped = await _joined(federation, acme, bolt)
            waiting = asyncio.create_task(acme.exchange(stopped.by_hand.contribution("acme")))
            federation.stop(stopped.run)
            assert (await waiting).text == "the operator stopped the run"
            await federation.ended(stopped.run)
            await until(lambda: left() == 0)

    asyncio.run(main())
