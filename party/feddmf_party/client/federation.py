"""The party's only way out: the federation channel. Releases are sent only as the gate cleared them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from feddmf.errors import ConnectError, InputError, PayloadError, Refused, RunFailed, TimedOut
from feddmf.matching import POINTS, Step
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES, PayloadDecoder, encode, join_document
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, REPLY
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf.wire.points import fed_points
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_party.client.answers import Away, OutOfStep, explained, streamed
from feddmf_party.client.line import Line
from feddmf_party.client.witnessed import LedgerEnd
from feddmf_party.egress import Cleared, ClearedOffer, ClearedPoints, ClearedWithdrawal
from feddmf_party.expiry import LATEST_MS
from feddmf_party.identity import PartyIdentity, load_identity
from feddmf_party.settings import NodeSettings
from feddmf_party.terms import Withdrawal

__all__ = ["LONGEST_NAME", "FederationClient"]

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LARGEST_DOCUMENT = 1 << 30
_LONGEST_OFFER = 1_000_000
_LONGEST_REASON = 500
# Characters of an item's key or label.
LONGEST_NAME = 200
_KEYS_A_PART = 2_000
# The address, and the empty list of a party that offers nothing.
_PARTS_WITHOUT_ITEMS = 2
_ASK = "ask the operator, who should have refused it"
_BACKOFF_S = (0.2, 5.0)
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
# A call that was under way for longer than this, while others were answered, had reached the coordinator.
_REACHED_S = 5.0


class FederationClient:
    """An open channel to the coordinator; an async context manager.

    Every call has a deadline, is tried again while the coordinator is away, and gives up with
    ConnectError after `reconnect_s`. A refusal is explained from the party's own files.
    """

    def __init__(self, folder: Path, settings: NodeSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._identity = load_identity(folder)
        self.party = self._identity.party
        self.address = self._identity.federation_address
        self._end = LedgerEnd(folder)
        self._line: Line | None = None
        self._lines = contextlib.AsyncExitStack()
        self._heard = float("-inf")

    async def __aenter__(self) -> Self:
        await self._open_line()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lines.aclose()
        with contextlib.suppress(RunFailed):
            # What ended the block says why; where nothing did, the last call has settled it.
            await self._end.settle()

    async def adopt(self) -> None:
        """Take up the identity that lies in the folder now: for new calls, while those under way go on."""
        self._identity = await asyncio.to_thread(load_identity, self._folder)
        old = self._line
        await self._open_line()
        if old is not None:
            old.retire()

    async def _open_line(self) -> None:
        self._line = await self._lines.enter_async_context(Line(self._identity, _OPTIONS))

    @property
    def identity(self) -> PartyIdentity:
        """The identity that new calls are made with."""
        return self._identity

    @property
    def _stub(self) -> Any:
        if self._line is None:
            raise RuntimeError("a client makes calls within its context alone")
        return self._line.stub

    async def hello(self) -> str:
        """Agree on the wire's version; return the federation's name."""
        request = pb.HelloRequest(protocol_version=PROTOCOL_VERSION, software=version("feddmf"))
        reply = await self._call(lambda: self._stub.Hello(request, timeout=self._settings.call_s))
        if reply.federation != self._identity.federation:
            raise InputError(
                f"{self.address} serves federation {reply.federation}, not {self._identity.federation}",
                hint="enrol with an invitation of the right federation",
            )
        return str(reply.federation)

    async def beat(self, run: str) -> pb.BeatReply:
        """Give a sign of life; return what the coordinator wants next."""
        request = pb.BeatRequest(run=run)
        answer: pb.BeatReply = await self._call(
            lambda: self._stub.Beat(request, timeout=self._settings.call_s)
        )
        return answer

    async def catalogue(self, number: int = 0) -> bytes:
        """Fetch the party's catalogue document, the latest for 0."""
        request = pb.GetCatalogueRequest(version=number)
        return await self._document(lambda: self._stub.GetCatalogue(request, timeout=self._settings.call_s))

    async def accept_catalogue(self, number: int, digest: str) -> None:
        """Tell the coordinator which digest this party accepts."""
        request = pb.AcceptCatalogueRequest(version=number, digest=digest)
        await self._call(lambda: self._stub.AcceptCatalogue(request, timeout=self._settings.call_s))

    async def announce_offer(self, offer: ClearedOffer) -> None:
        """Tell the coordinator which items this party is ready to publish."""

        def parts(ledger: pb.LedgerHead) -> Iterator[pb.OfferPart]:
            yield pb.OfferPart(catalogue_version=offer.catalogue_version, ledger=ledger)
            for start in range(0, len(offer.keys), _KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in offer.keys[start : start + _KEYS_A_PART]]
                yield pb.OfferPart(items=items)

        async def once(ledger: pb.LedgerHead) -> None:
            ack = await self._stub.AnnounceOffer(parts(ledger), timeout=self._settings.call_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once)

    async def offers(self) -> tuple[tuple[str, str, str], ...]:
        """Fetch what the peers are ready to publish: (owner, key, label) of each item."""

        async def once() -> tuple[tuple[str, str, str], ...]:
            found: list[tuple[str, str, str]] = []
            call = self._stub.ListOffers(pb.ListOffersRequest(), timeout=self._settings.call_s)
            async with streamed(call) as stream:
                async for part in stream:
                    found.extend((part.owner, item.key, item.label) for item in part.items)
                    if len(found) > _LONGEST_OFFER:
                        raise PayloadError("the peers offer over a million items", hint="ask the operator")
            return tuple(found)

        return await self._call(once)

    async def renew(self, request_der: bytes) -> bytes | None:
        """Ask for the certificate, DER, that follows the one in use; None while it is not signed."""
        request = pb.RenewRequest(request_der=request_der)
        reply = await self._call(lambda: self._stub.Renew(request, timeout=self._settings.call_s))
        return bytes(reply.certificate_der) or None

    async def plan(self, run: str) -> bytes:
        """Fetch the plan of a run."""
        request = pb.GetPlanRequest(run=run)
        return await self._document(lambda: self._stub.GetPlan(request, timeout=self._settings.call_s))

    async def answer_run(self, run: str, *, accept: bool, reason: str = "") -> None:
        """Join or decline a run."""
        request = pb.AnswerRunRequest(run=run, accept=accept, reason=reason)
        await self._call(lambda: self._stub.AnswerRun(request, timeout=self._settings.call_s))

    async def exchange(
        self, cleared: Cleared, *, reply: PayloadSchema, sizes: Mapping[Axis, int], limit_s: float
    ) -> Reply:
        """Send a cleared contribution, wait for the round, return the reply, checked against its schema."""

        def parts(ledger: pb.LedgerHead) -> Iterator[bytes]:
            address = pb.ExchangeAddress(
                run=cleared.run, phase=cleared.phase, round=cleared.round, ledger=ledger
            )
            yield pb.ExchangePart(address=address).SerializeToString()
            yield from encode(cleared.payload, cleared.schema, EXCHANGE, sha256=cleared.sha256)

        async def once(ledger: pb.LedgerHead) -> Reply:
            done, decoder = False, PayloadDecoder(reply, sizes)
            async with streamed(self._stub.Exchange(parts(ledger), timeout=limit_s)) as stream:
                async for raw in stream:
                    part = REPLY.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder.feed(part)
                    elif part.WhichOneof("part") == "ended":
                        if part.ended.HasField("countersignature"):
                            self._end.keep(ledger, part.ended.countersignature)
                        raise RunFailed(part.ended.reason, hint=part.ended.hint)
                    else:
                        done = part.closed.done
                        self._end.keep(ledger, part.closed.countersignature)
            return Reply(await asyncio.to_thread(decoder.payload), done)

        return await self._telling(once)

    async def publish(
        self, cleared: Cleared, keys: tuple[str, ...], *, limit_s: float, expires_ms: int = 0
    ) -> None:
        """Publish cleared vectors of the items `keys`; expires_ms: when peers must stop using them."""

        def parts(ledger: pb.LedgerHead) -> Iterator[bytes]:
            address = pb.PublicationAddress(run=cleared.run, ledger=ledger, expires_ms=expires_ms)
            yield pb.PublishPart(address=address).SerializeToString()
            for start in range(0, len(keys), _KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in keys[start : start + _KEYS_A_PART]]
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            yield from encode(cleared.payload, cleared.schema, PUBLISH, sha256=cleared.sha256)

        async def once(ledger: pb.LedgerHead) -> None:
            ack = await self._stub.Publish(parts(ledger), timeout=limit_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once)

    async def publication(
        self, run: str, party: str, schema: PayloadSchema, *, limit_s: float
    ) -> tuple[tuple[tuple[str, str], ...], Payload, int]:
        """Fetch what `party` published after `run`: (key, label) of each row, the vectors, when it ends.

        That is in milliseconds since 1970, 0 where it does not end.
        """
        request = pb.GetPublicationRequest(run=run, party=party)

        async def once() -> tuple[tuple[tuple[str, str], ...], Payload, int]:
            offered = _Offered(party)
            decoder: PayloadDecoder | None = None
            async with streamed(self._stub.GetPublication(request, timeout=limit_s)) as stream:
                async for raw in stream:
                    part = PUBLISH.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder = decoder or PayloadDecoder(schema, {Axis.OFFERED_ITEMS: len(offered.items)})
                        decoder.feed(part)
                    elif decoder is None:
                        offered.add(part)
                    else:
                        raise PayloadError(f"{party} offers items after its vectors", hint=_ASK)
            if decoder is None:
                raise PayloadError(f"an empty publication of {party}", hint="try again")
            until_ms = min(offered.expires_ms, LATEST_MS)
            return tuple(offered.items), await asyncio.to_thread(decoder.payload), until_ms

        return await self._call(once)

    async def withdraw(self, cleared: ClearedWithdrawal) -> None:
        """Take back what was published after a run, as the gate cleared it."""

        async def once(ledger: pb.LedgerHead) -> None:
            request = pb.WithdrawRequest(
                run=cleared.run, keys=cleared.keys, reason=cleared.reason, ledger=ledger
            )
            ack = await self._stub.Withdraw(request, timeout=self._settings.call_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once)

    async def withdrawals(self) -> tuple[Withdrawal, ...]:
        """Fetch what peers took back of what they had published in runs of this party, oldest first."""

        async def once() -> tuple[Withdrawal, ...]:
            found: list[Withdrawal] = []
            names = 0
            call = self._stub.ListWithdrawals(pb.ListWithdrawalsRequest(), timeout=self._settings.call_s)
            async with streamed(call) as stream:
                async for part in stream:
                    names += 1 + len(part.keys)
                    if names > _LONGEST_OFFER or any(len(key) > LONGEST_NAME for key in part.keys):
                        raise PayloadError("withdrawals of over a million items, or overlong ones", hint=_ASK)
                    at_ms, reason = min(part.at_ms, LATEST_MS), part.reason[:_LONGEST_REASON]
                    keys = tuple(part.keys)
                    found.append(Withdrawal(at_ms, part.run, part.party, keys, reason))
            return tuple(found)

        return await self._call(once)

    async def match(self, points: ClearedPoints, *, most: int, wait_s: float) -> Payload:
        """Send cleared points of a matching, wait for those of the peer's same step, return these.

        PayloadError where they are over `most`, TimedOut where the peer does not come within `wait_s`.
        """
        until = time.monotonic() + wait_s

        async def once(ledger: pb.LedgerHead) -> Payload:
            left_s = max(0.0, until - time.monotonic())
            address = pb.MatchAddress(
                peer=points.peer,
                catalogue_version=points.catalogue_version,
                step=points.step,
                ledger=ledger,
                wait_ms=int(left_s * 1_000),
            )

            def parts() -> Iterator[bytes]:
                yield pb.MatchPart(address=address).SerializeToString()
                yield from encode(points.payload, POINTS, MATCH, sha256=points.sha256)

            decoder: PayloadDecoder | None = None
            limit_s = left_s + self._settings.call_s
            async with streamed(self._stub.Match(parts(), timeout=limit_s)) as stream:
                async for raw in stream:
                    part = MATCH.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder = fed_points(decoder, part, most=most)
                    elif part.WhichOneof("part") == "countersignature":
                        self._end.keep(ledger, part.countersignature)
                    elif part.WhichOneof("part") == "ended":
                        raise TimedOut(part.ended.reason, hint=part.ended.hint)
            if decoder is None:
                raise PayloadError(f"nothing came from {points.peer}", hint="try again")
            return await asyncio.to_thread(decoder.payload)

        return await self._telling(once)

    async def match_taken(self, peer: str, version: int) -> None:
        """Tell the coordinator that the peer's points of a matching are safe here."""

        async def once() -> None:
            address = pb.MatchAddress(peer=peer, catalogue_version=version, step=Step.TAKEN)
            request = pb.MatchPart(address=address).SerializeToString()
            async with streamed(self._stub.Match(iter([request]), timeout=self._settings.call_s)) as stream:
                async for _ in stream:
                    raise PayloadError("an answer where none is due", hint=_ASK)

        await self._call(once)

    async def _document(self, open_stream: Callable[[], Any]) -> bytes:
        async def once() -> bytes:
            document = bytearray()
            async with streamed(open_stream()) as stream:
                async for part in stream:
                    join_document(document, part, limit=_LARGEST_DOCUMENT)
            return bytes(document)

        return await self._call(once)

    async def _telling(self, call: Callable[[pb.LedgerHead], Awaitable[Answer]]) -> Answer:
        """Make a call that tells the end of the ledger; again where that has moved on meanwhile.

        A command beside a node may tell a later end before the node's call arrives, and the other way round.
        """
        while True:
            ledger = await self._end.tell()
            try:
                return await self._call(functools.partial(call, ledger))
            except OutOfStep:
                if await self._end.tell() == ledger:
                    raise

    async def _call(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call; while the coordinator is away, again with jittered backoff until `reconnect_s`."""
        pause, since = _BACKOFF_S[0], None
        while True:
            began, line = time.monotonic(), self._line
            try:
                async with explained(self._folder, self.address):
                    answer = await call() if line is None else await line.carry(call)
            except Refused:
                if line is self._line:
                    raise
                # It was the old certificate that ended, and there is a new one since.
                continue
            except Away as away:
                now = time.monotonic()
                reached = self._heard > began and now - began > _REACHED_S
                if since is None or reached:
                    # What was reached until now is away since now; who never answered, since we asked.
                    since, pause = (began if away.late else now), _BACKOFF_S[0]
                if now - since + pause > self._settings.reconnect_s:
                    raise self._unreachable(away, now - since) from away
                if pause == _BACKOFF_S[0]:
                    log.warning(
                        "the coordinator at %s cannot be reached (%s); trying for %g s",
                        self.address,
                        away,
                        self._settings.reconnect_s,
                    )
            else:
                self._heard = time.monotonic()
                return answer
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jitter, no secret)
            pause = min(pause * 2, _BACKOFF_S[1])

    def _unreachable(self, away: Away, waited: float) -> ConnectError:
        return ConnectError(
            f"the coordinator at {self.address} cannot be reached ({away}), tried for {waited:.0f} s",
            hint="check that it runs, that the address in identity/federation.toml is right, "
            "and that this certificate is of its federation",
        )


class _Offered:
    """The items of a publication, part by part: PayloadError bounds how many, and how long, they may be."""

    def __init__(self, party: str) -> None:
        self.items: list[tuple[str, str]] = []
        self.expires_ms = 0
        self._party = party
        self._without = 0

    def add(self, part: Any) -> None:
        """Take in one part before the vectors: the address, or items."""
        self.expires_ms = self.expires_ms or part.address.expires_ms
        found = [(item.key, item.label) for item in part.items.items]
        self._without += not found
        if self._without > _PARTS_WITHOUT_ITEMS:
            raise PayloadError(f"parts of what {self._party} offers name no item", hint=_ASK)
        if len(self.items) + len(found) > _LONGEST_OFFER:
            raise PayloadError(f"{self._party} offers over {_LONGEST_OFFER} items", hint="ask it why")
        if any(max(len(key), len(label)) > LONGEST_NAME for key, label in found):
            raise PayloadError(f"{self._party} offers an item with an overlong name", hint=_ASK)
        self.items.extend(found)
