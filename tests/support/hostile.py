"""Parties that do not keep to the rules: a member behind no gate, and a bare stub that says anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from feddmf.errors import FedDMFError
from feddmf.payload import Payload, PayloadSchema
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Phase
from feddmf.protocols.registry import protocol_for
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import encode
from feddmf.wire.federation_pb2_grpc import FederationStub
from feddmf.wire.framing import EXCHANGE, PUBLISH
from feddmf_party.client.federation import FederationClient
from feddmf_party.computing import Worker
from feddmf_party.egress import Cleared, EgressGate
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.participation import prepare
from feddmf_party.settings import NodeSettings
from support.authority import EnrolledFederation
from support.cheats import Cheat, Trick
from support.enrolment import until

__all__ = ["Bare", "ByHand", "Said", "bare", "cheat"]


class _NoGate:
    """Clears everything."""

    run_bytes = 0

    def join(self, conditions: str) -> None:
        """Record nothing."""

    def clear(self, phase: str, number: int, payload: Payload, *, schema: PayloadSchema, **_: Any) -> Cleared:
        """Check nothing."""
        return Cleared("", phase, number, schema, payload, 0)


class _Open(FederationClient):
    """Names its run itself."""

    run = ""

    async def exchange(self, cleared: Cleared, **named: Any) -> Any:
        """Send what was not cleared."""
        return await super().exchange(replace(cleared, run=self.run), **named)

    async def publish(self, cleared: Cleared, keys: tuple[str, ...], **named: Any) -> None:
        """Publish what was not cleared."""
        await super().publish(replace(cleared, run=self.run), keys, **named)


async def cheat(folder: Path, trick: Trick) -> FedDMFError | None:
    """Take part in the next run with a member that sends what `trick` makes; return what that ended with."""
    async with _Open(folder, NodeSettings(call_s=10, reconnect_s=5)) as client:
        run = await _waiting_run(lambda: client.beat(""))
        part = prepare(PartyFolder(folder), client.party, await client.plan(run), run)
        client.run = run
        LedgerFile(folder / "ledger.jsonl").append({"event": "note"})
        gate = cast("EgressGate", _NoGate())
        part = replace(part, member=Cheat(part.member, trick), gate=gate)
        part.begin()
        await client.answer_run(run, accept=True)
        try:
            with Worker() as worker:
                await part.train(client, worker, lambda _: None)
            await part.publish(client)
        except FedDMFError as error:
            return error
        return None


async def _waiting_run(beat: Callable[[], Awaitable[pb.BeatReply]]) -> str:
    runs: list[str] = []

    async def told() -> bool:
        runs.append((await beat()).waiting_run)
        return bool(runs[-1])

    await until(told)
    return runs[-1]


@dataclass(frozen=True)
class Said:
    """What a call was answered: `ended`, or a status by name; with the text that came along."""

    how: str
    text: str
    replies: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Bare:
    """A party's certificate with a bare stub: any message, any stream."""

    party: str
    stub: Any
    ledger: pb.LedgerHead

    async def say(self, method: str, message: Any) -> Said:
        """Make a call and take all that comes back."""
        return await self._answer(getattr(self.stub, method)(message, timeout=10))

    async def waiting_run(self) -> str:
        """Wait for a run that waits for this party."""
        return await _waiting_run(lambda: self.stub.Beat(pb.BeatRequest(), timeout=10))

    async def join(self) -> str:
        """Accept the next run; return its id."""
        run = await self.waiting_run()
        await self.stub.AnswerRun(pb.AnswerRunRequest(run=run, accept=True), timeout=10)
        return run

    async def exchange(self, parts: Iterable[pb.ExchangePart] | AsyncIterator[pb.ExchangePart]) -> Said:
        """Stream the parts of a contribution."""
        return await self._answer(self.stub.Exchange(self._telling(parts), timeout=10))

    async def publish(self, parts: Iterable[pb.PublishPart] | AsyncIterator[pb.PublishPart]) -> Said:
        """Stream the parts of a publication."""
        return await self._answer(self.stub.Publish(self._telling(parts), timeout=10))

    async def match(self, parts: Iterable[pb.MatchPart]) -> Said:
        """Stream the parts of a step of a matching."""
        return await self._answer(self.stub.Match(self._telling(parts), timeout=10))

    async def announce(self, parts: Iterable[pb.OfferPart]) -> Said:
        """Stream the parts of an offer."""
        return await self._answer(self.stub.AnnounceOffer(self._telling(parts), timeout=10))

    @staticmethod
    def contribution(
        run: str, phase: str, number: int, payload: Payload, schema: PayloadSchema
    ) -> list[pb.ExchangePart]:
        """Return the parts of a contribution, as a whole party sends them."""
        address = pb.ExchangeAddress(run=run, phase=phase, round=number)
        parts = [pb.ExchangePart.FromString(part) for part in encode(payload, schema, EXCHANGE)]
        return [pb.ExchangePart(address=address), *parts]

    def _telling(self, parts: Any) -> Any:
        """Let addresses, and offers, tell this party's ledger; all else goes as it is."""
        if isinstance(parts, AsyncIterator):
            return (self._with_ledger(part) async for part in parts)
        return [self._with_ledger(part) for part in parts]

    def _with_ledger(self, part: Any) -> Any:
        if isinstance(part, bytes):
            return _with_ledger(part, self.ledger)
        address = getattr(part, "address", None)
        if address is not None and part.WhichOneof("part") == "address":
            address.ledger.CopyFrom(self.ledger)
        elif isinstance(part, pb.OfferPart) and part.catalogue_version and not part.HasField("ledger"):
            part.ledger.CopyFrom(self.ledger)
        return part

    async def _answer(self, call: Any) -> Said:
        replies = []
        try:
            if isinstance(call, grpc.aio.UnaryUnaryCall | grpc.aio.StreamUnaryCall):
                replies.append(await call)
            else:
                async for part in call:
                    replies.append(part)  # noqa: PERF401  (what came before an error counts)
        except grpc.aio.AioRpcError as error:
            return Said(error.code().name, error.details() or "", tuple(replies))
        finally:
            call.cancel()
        first = replies[0] if replies else None
        if isinstance(first, pb.ReplyPart) and first.WhichOneof("part") == "ended":
            return Said("ended", first.ended.reason, tuple(replies))
        return Said("OK", "", tuple(replies))


@contextlib.asynccontextmanager
async def bare(
    enrolled: EnrolledFederation, party: str, *, stub: Callable[[Any], Any] = FederationStub
) -> AsyncIterator[Bare]:
    """Open a channel with a party's certificate; `open_stub` for one whose streams carry any bytes."""
    identity = enrolled.identity(party)
    credentials = grpc.ssl_channel_credentials(identity.root_pem, identity.key_pem, identity.certificate_pem)
    async with grpc.aio.secure_channel(enrolled.address, credentials) as channel:
        yield Bare(party, stub(channel), _ledger(enrolled.parties[party]))


def _with_ledger(raw: bytes, ledger: pb.LedgerHead) -> bytes:
    """Return the bytes of an exchange's address with a ledger's end; all others as they are."""
    try:
        part = pb.ExchangePart.FromString(raw)
    except DecodeError:
        return raw
    if part.WhichOneof("part") != "address":
        return raw
    part.address.ledger.CopyFrom(ledger)
    return bytes(part.SerializeToString())


def _ledger(folder: Path) -> pb.LedgerHead:
    """Return the end of a ledger, which is there from the first time on."""
    ledger = LedgerFile(folder / "ledger.jsonl")
    if not len(ledger):
        ledger.append({"event": "note"})
    end = ledger.signed_head()
    return pb.LedgerHead(length=end.head.length, hash=bytes.fromhex(end.head.hash), signature=end.signature)


@dataclass(frozen=True)
class ByHand:
    """What two bare parties need to take a run to its end by hand: the plan, sizes, made-up vectors."""

    plan: Plan
    rows: MatchedRows

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the run."""
        return protocol_for(self.plan.settings.protocol).phases(self.plan)

    @property
    def publication(self) -> PayloadSchema:
        """What a publication holds."""
        return protocol_for(self.plan.settings.protocol).publication(self.plan)

    def payload(self, party: str, phase: Phase, *, seed: int = 0) -> Payload:
        """Return made-up arrays that fit the contribution of `party` to `phase`."""
        random = np.random.default_rng([seed, *party.encode()])
        sizes = self.rows.sizes(party)
        shapes = {spec.name: spec.shape(sizes) for spec in phase.contribution.arrays}
        return Payload({name: random.random(shape, dtype=np.float32) for name, shape in shapes.items()})

    def contribution(self, party: str, place: int = 0, *, seed: int = 0) -> list[pb.ExchangePart]:
        """Return a whole contribution to the round at `place` among all rounds."""
        phase, number = [(phase, n) for phase in self.phases for n in range(phase.rounds)][place]
        payload = self.payload(party, phase, seed=seed)
        return Bare.contribution(self.plan.run, phase.name, number, payload, phase.contribution)

    def offer(
        self, keys: Sequence[str], vectors: npt.NDArray[np.float32] | None = None
    ) -> list[pb.PublishPart]:
        """Return a whole publication of `keys`, with `vectors` in place of fitting ones."""
        dim = self.publication.arrays[0].columns
        payload = Payload({"vectors": np.ones((len(keys), dim), np.float32) if vectors is None else vectors})
        items = pb.OfferedItems(items=[pb.OfferedItem(key=key) for key in keys])
        return [
            pb.PublishPart(address=pb.PublicationAddress(run=self.plan.run)),
            *([pb.PublishPart(items=items)] if keys else []),
            *(pb.PublishPart.FromString(part) for part in encode(payload, self.publication, PUBLISH)),
        ]

    async def train(self, *parties: Bare, start: int = 0) -> None:
        """Take the parties through all rounds from `start` on."""
        for place in range(start, sum(phase.rounds for phase in self.phases)):
            said = await asyncio.gather(
                *(party.exchange(self.contribution(party.party, place)) for party in parties)
            )
            assert {each.how for each in said} == {"OK"}, said
