"""A matching over the wire: what two parties find, what of it lies where, and what they are refused."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import CatalogueError, InputError, PayloadError, PolicyError, RunFailed, TimedOut
from feddmf.matching import MOST_ITEMS, Blinding, Step, matching_domain
from feddmf.payload import Payload
from feddmf.wire import federation_pb2 as pb
from feddmf.wire import payload_pb2
from feddmf_coordinator.store.catalogues import add_catalogue
from feddmf_coordinator.store.matchings import MatchingId, find_sent
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import ClearedPoints
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.matching import Found, Matcher, check_version
from feddmf_party.points_gate import PointsGate
from support.federation import LiveFederation, live
from support.hostile import bare

POLICY = 'release_kinds = ["psi_point"]\n'
ACME = ("a-1", "a-2", "both-1", "both-2", "both-3")
BOLT = ("both-3", "both-2", "both-1", "b-1")
BOTH = ("both-1", "both-2", "both-3")


@dataclass
class Tap:
    """A client whose points are kept as they leave and arrive; it may die after so many exchanges."""

    client: FederationClient
    sent: list[bytes] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)
    dies_at: int = 99

    async def match(self, points: ClearedPoints, *, most: int, wait_s: float) -> Payload:
        """Exchange points."""
        self.sent.append(points.payload["points"].tobytes())
        answer = await self.client.match(points, most=most, wait_s=wait_s)
        if len(self.sent) == self.dies_at:
            raise ConnectionAbortedError
        self.came.append(answer["points"].tobytes())
        return answer

    async def match_taken(self, peer: str, version: int) -> None:
        """Tell that all is here."""
        await self.client.match_taken(peer, version)


@contextlib.asynccontextmanager
async def tapped(federation: LiveFederation, party: str, *, dies_at: int = 99) -> AsyncIterator[Tap]:
    """Open a party's channel."""
    folder = PartyFolder(federation.folder(party))
    async with FederationClient(folder.path, folder.settings().node) as client:
        yield Tap(client, dies_at=dies_at)


def matcher(federation: LiveFederation, party: str, peer: str, keys: Sequence[str]) -> Matcher:
    """Return a matcher in a party's folder, whose policy lets points out."""
    folder = PartyFolder(federation.folder(party))
    folder.policy_file.write_text(POLICY)
    return Matcher(folder, federation.enrolled.settings.federation, party, peer, keys)


async def find(
    federation: LiveFederation, party: str, keys: Sequence[str], *, wait_s: float = 20, version: int = 1
) -> Found:
    """Match as `feddmf catalog match` does, with the other of acme and bolt."""
    peer = "bolt" if party == "acme" else "acme"
    async with tapped(federation, party) as tap:
        mine = matcher(federation, party, peer, keys)
        found = await mine.find(tap, version, wait_s=wait_s)
        await mine.finish(tap, version)
        return found


async def both(federation: LiveFederation, version: int = 1) -> tuple[Found, Found]:
    """Match acme's and bolt's items."""
    return await asyncio.gather(
        find(federation, "acme", ACME, version=version), find(federation, "bolt", BOLT, version=version)
    )


def kept(federation: LiveFederation, party: str, peer: str, step: Step) -> bytes | None:
    """Return the points that the coordinator keeps of a party's step; None for none."""
    with federation.database.read() as connection:
        sent = find_sent(connection, MatchingId(party, peer, 1), step)
    return None if sent is None else sent.points


def records(federation: LiveFederation, party: str) -> list[tuple[int, str]]:
    """Return step and digest of what a party's ledger says that it sent."""
    ledger = LedgerFile(PartyFolder(federation.folder(party)).ledger)
    return [(each["step"], each["sha256"]) for each in ledger.records() if each["event"] == "matching"]


def test_both_find_what_is_common_and_nothing_is_left(tmp_path: Path) -> None:
    """Same items, sizes of both; secrets and points are gone, and both ledgers have both steps."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            acme, bolt = await both(federation)
            assert acme == Found("bolt", 1, 5, 4, BOTH)
            assert bolt == Found("acme", 1, 4, 5, BOTH)
            for party, peer in (("acme", "bolt"), ("bolt", "acme")):
                assert not list(PartyFolder(federation.folder(party)).matchings.iterdir())
                assert [step for step, _ in records(federation, party)] == [1, 2]
                assert kept(federation, party, peer, Step.HIDE) is None
                assert kept(federation, party, peer, Step.ANSWER) is None

    asyncio.run(main())


def test_nothing_that_travels_or_lies_at_the_coordinator_is_a_hash(tmp_path: Path) -> None:
    """Neither what the peer gets nor the coordinator's files hold the hash of any key, or a key."""

    async def main() -> tuple[list[bytes], bytes]:
        async with live(tmp_path) as federation:
            views: list[bytes] = []
            async with tapped(federation, "acme") as acme, tapped(federation, "bolt") as bolt:
                await asyncio.gather(
                    matcher(federation, "acme", "bolt", ACME).find(acme, 1, wait_s=20),
                    matcher(federation, "bolt", "acme", BOLT).find(bolt, 1, wait_s=20),
                )
                views += [*acme.sent, *acme.came, *bolt.sent, *bolt.came]
                assert sorted(acme.sent) == sorted(bolt.came)
            folder = federation.enrolled.folder.path
            files = b"".join(path.read_bytes() for path in folder.glob("coordinator.db*"))
            return views, files

    views, files = asyncio.run(main())
    # With the number one, points stay as they were hashed.
    plain = Blinding(1).hide(sorted({*ACME, *BOLT}), matching_domain("testfed", ("acme", "bolt"), 1))
    assert len(views) == 8
    # The points themselves are there to be found.
    assert all(points[:32] in files for points in views)
    for key, point in zip(plain.keys, plain.points, strict=True):
        assert not any(point.tobytes() in points for points in views)
        assert point.tobytes() not in files
        assert key.encode() not in files
        assert hashlib.sha256(key.encode()).digest() not in files


def test_a_pair_matches_once_a_version(tmp_path: Path) -> None:
    """By the party's own ledger, and by the coordinator where that is gone; then again under the next one."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            await both(federation)
            before = records(federation, "acme")
            for keys in (ACME, ("guess",)):
                with pytest.raises(PolicyError, match="has matched with bolt under catalogue version 1"):
                    await find(federation, "acme", keys)
            assert records(federation, "acme") == before
            publish_next(federation)
            acme, bolt = await both(federation, version=2)
            assert acme.common == bolt.common == BOTH
            PartyFolder(federation.folder("acme")).ledger.unlink()
            with pytest.raises(InputError, match="record 4, the last that the coordinator countersigned, is"):
                await find(federation, "acme", ("guess",), version=2)

    asyncio.run(main())


def publish_next(federation: LiveFederation) -> None:
    """Publish another catalogue."""
    with federation.database.begin() as connection:
        text = "key,label,local_id:acme,local_id:bolt\nx,X,1,1\n"
        add_catalogue(connection, text, where="x.csv", now=datetime.now(UTC))


def test_a_matching_is_for_the_latest_version(tmp_path: Path) -> None:
    """Versions that are past or to come would each be one more test."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            with pytest.raises(InputError, match="cannot be"):
                await find(federation, "acme", ACME, version=2)
            publish_next(federation)
            with pytest.raises(InputError, match="for catalogue version 1, and the latest is 2"):
                await find(federation, "acme", ACME, version=1)
            view = AcceptedViews(federation.folder("acme") / "catalogue", "acme")
            check_version(view, 1)
            with pytest.raises(CatalogueError, match="version 0 is the latest, and acme has accepted 1"):
                check_version(view, 0)

    asyncio.run(main())


def test_a_peer_that_does_not_come_is_named_and_may_come_later(tmp_path: Path) -> None:
    """What was sent waits: the parties need not be there at one time."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            with pytest.raises(TimedOut, match="bolt has not begun to match with acme") as caught:
                await find(federation, "acme", ACME, wait_s=0)
            assert "--with acme" in caught.value.hint
            with pytest.raises(TimedOut, match="acme has begun to match, and has not answered yet"):
                await find(federation, "bolt", BOLT, wait_s=0)
            assert (await find(federation, "acme", ACME, wait_s=0)).common == BOTH
            assert (await find(federation, "bolt", BOLT, wait_s=0)).common == BOTH
            for party in ("acme", "bolt"):
                # What was sent again was the same.
                steps = records(federation, party)
                assert len(set(steps)) == 2 < len(steps)

    asyncio.run(main())


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_party_that_dies_goes_on_with_the_same_bytes(tmp_path: Path, dies_at: int) -> None:
    """Before its answer, or after it: the peer waits, gets one answer, and both find the same."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            waiting = asyncio.create_task(find(federation, "bolt", BOLT))
            async with tapped(federation, "acme", dies_at=dies_at) as tap:
                with pytest.raises(ConnectionAbortedError):
                    await matcher(federation, "acme", "bolt", ACME).find(tap, 1, wait_s=20)
            assert matcher(federation, "acme", "bolt", ACME).begun_version() == (None if dies_at == 1 else 1)
            if dies_at == 2:
                # Even a newer catalogue does not keep it from its end, nor do other items from its beginning.
                publish_next(federation)
                with pytest.raises(PolicyError, match="already"):
                    await find(federation, "acme", ("guess",))
            assert (await find(federation, "acme", ACME)).common == BOTH
            assert (await waiting).common == BOTH
            assert len(set(records(federation, "acme"))) == 2
            assert not list(PartyFolder(federation.folder("acme")).matchings.iterdir())

    asyncio.run(main())


def test_other_items_may_be_taken_until_the_peer_has_come(tmp_path: Path) -> None:
    """A slip in the file is mended; once both sets have met, only what was sent first goes on."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            for keys in (("slip",), ACME):
                with pytest.raises(TimedOut):
                    await find(federation, "acme", keys, wait_s=0)
            with pytest.raises(TimedOut):
                await find(federation, "bolt", BOLT, wait_s=0)
            with pytest.raises(RunFailed, match="acme has sent other points"):
                await find(federation, "acme", ("slip",), wait_s=0)
            acme, bolt = await both(federation)
            assert acme.common == bolt.common == BOTH

    asyncio.run(main())


def test_both_sides_bound_how_many_items_a_peer_may_test(tmp_path: Path) -> None:
    """A policy of three lets four neither out nor in."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            mine = matcher(federation, "acme", "bolt", ("both-1",))
            mine.folder.policy_file.write_text(POLICY + "max_matching_items = 3\n")
            theirs = asyncio.create_task(find(federation, "bolt", BOLT, wait_s=3))
            async with tapped(federation, "acme") as tap:
                with pytest.raises(PayloadError, match="points of 4 items, where 1 to 3 may come"):
                    await mine.find(tap, 1, wait_s=20)
            # Nothing of bolt's was blinded, and bolt hears who did not answer.
            assert [step for step, _ in records(federation, "acme")] == [Step.HIDE]
            with pytest.raises(TimedOut, match="acme has begun to match"):
                await theirs

    asyncio.run(main())


@pytest.mark.parametrize("peer", ["cargo", "acme", "no one\n", ""])
def test_there_is_nobody_else_to_match_with(tmp_path: Path, peer: str) -> None:
    """A party of no certificate, the party itself, and what is no name."""

    async def main() -> None:
        async with live(tmp_path) as federation, tapped(federation, "acme") as tap:
            with pytest.raises(InputError, match="there is no other party"):
                await tap.match(replace(made(federation), peer=peer), most=9, wait_s=0)

    asyncio.run(main())


def made(federation: LiveFederation, step: int = 1, *, items: int = 2) -> ClearedPoints:
    """Return points of acme that a gate has cleared, for any step."""
    points = Blinding().hide([str(n) for n in range(items)], b"").points
    folder = PartyFolder(federation.folder("acme"))
    folder.policy_file.write_text(POLICY)
    gate = PointsGate(folder.policy(), LedgerFile(folder.ledger), "bolt", 1)
    return replace(gate.clear(1, Payload({"points": points})), step=step)


def test_no_answer_is_taken_before_there_is_something_to_answer(tmp_path: Path) -> None:
    """Nor one of another length, nor a step that there is not."""

    async def main() -> None:
        async with live(tmp_path) as federation, tapped(federation, "acme") as tap:
            with pytest.raises(InputError, match="cannot be"):
                await tap.match(made(federation, 4), most=9, wait_s=0)
            with pytest.raises(RunFailed, match="an answer to points that nobody sent"):
                await tap.match(made(federation, 2), most=9, wait_s=0)
            for party, keys in (("acme", ACME), ("bolt", BOLT)):
                with pytest.raises(TimedOut):
                    await find(federation, party, keys, wait_s=0)
            with pytest.raises(RunFailed, match="an answer to points that nobody sent"):
                await tap.match(made(federation, 2, items=5), most=9, wait_s=0)

    asyncio.run(main())


def test_points_that_are_none_are_not_answered(tmp_path: Path) -> None:
    """A peer that sends what is not on the curve learns nothing of the secret number."""

    async def main() -> None:
        async with live(tmp_path) as federation, tapped(federation, "bolt") as bolt:
            wrong = Payload({"points": np.arange(8, dtype="<u8").reshape(2, 4)})
            # In the place of the gate's, which would not let them pass.
            record = LedgerFile(PartyFolder(federation.folder("bolt")).ledger).append({"event": "matching"})
            cleared = ClearedPoints("acme", 1, 1, wrong, record, wrong.sha256())
            with pytest.raises(TimedOut):
                await bolt.match(cleared, most=9, wait_s=0)
            with pytest.raises(PayloadError, match="not on the curve"):
                await find(federation, "acme", ACME)
            assert [step for step, _ in records(federation, "acme")] == [Step.HIDE]

    asyncio.run(main())


def header(
    rows: int, *, kind: payload_pb2.ReleaseKind.ValueType = payload_pb2.PSI_POINT, arrays: int = 1
) -> pb.MatchPart:
    """Return the part that declares points."""
    dtype = payload_pb2.UINT64
    one = payload_pb2.ArrayHeader(name="points", kind=kind, dtype=dtype, rows=rows, columns=4)
    whole = payload_pb2.PayloadHeader(arrays=[one] * arrays, sha256=bytes(32))
    return pb.MatchPart(payload=payload_pb2.PayloadPart(header=whole))


def address(step: int = 1) -> pb.MatchPart:
    """Return the part that a step begins with."""
    return pb.MatchPart(address=pb.MatchAddress(peer="bolt", catalogue_version=1, step=step))


DATA = pb.MatchPart(payload=payload_pb2.PayloadPart(data=bytes(32)))
HOSTILE = {
    "more items than anybody takes": ([address(), header(MOST_ITEMS + 1)], "points of 100001 items"),
    "no items": ([address(), header(0)], "points of 0 items"),
    "more than fits anywhere": ([address(), header(2**63)], "items, where 1 to 100000 may come"),
    "two arrays": ([address(), header(1, arrays=2)], "is declared"),
    "another kind": ([address(), header(1, kind=payload_pb2.ITEM_COUNT)], "a header of points"),
    "data before its header": ([address(), DATA], "points of 0 items"),
    "more data than declared": ([address(), header(1), DATA, DATA], "no header has declared"),
    "another digest": ([address(), header(1), DATA], "differ from the digest"),
    "a second address": ([address(), address()], "no part of a payload"),
    "no address": ([header(1), DATA], "ledger"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_step_is_refused_and_nothing_is_kept(tmp_path: Path, case: str) -> None:
    """And put down to its sender; the coordinator goes on."""
    parts, message = HOSTILE[case]

    async def main() -> None:
        async with live(tmp_path) as federation:
            async with bare(federation.enrolled, "acme") as acme:
                said = await acme.match(parts)
            # Who names no step tells no end of a ledger either.
            assert said.how == ("OUT_OF_RANGE" if case == "no address" else "ABORTED")
            assert message in said.text
            assert kept(federation, "acme", "bolt", Step.HIDE) is None
            acme_found, _ = await both(federation)
            assert acme_found.common == BOTH

    asyncio.run(main())
