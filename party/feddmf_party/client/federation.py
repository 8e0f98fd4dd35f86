"""The party's only way out: the federation channel. Releases are sent only as the gate cleared them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from feddmf.errors import ConnectError, InputError, PayloadError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES, PayloadDecoder, encode, join_document
from feddmf.wire.framing import EXCHANGE, PUBLISH, REPLY, open_stub
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_party.client.answers import Away, explained, streamed
from feddmf_party.egress import Cleared, ClearedOffer
from feddmf_party.identity import load_identity
from feddmf_party.settings import NodeSettings

__all__ = ["LONGEST_NAME", "FederationClient"]

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LARGEST_DOCUMENT = 1 << 30
_LONGEST_OFFER = 1_000_000
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
        self._channel: grpc.aio.Channel | None = None
        self._heard = float("-inf")

    async def __aenter__(self) -> Self:
        credentials = grpc.ssl_channel_credentials(
            self._identity.root_pem, self._identity.key_pem, self._identity.certificate_pem
        )
        self._channel = grpc.aio.secure_channel(self.address, credentials, options=_OPTIONS)
        self._stub = open_stub(self._channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel is not None:
            await self._channel.close(grace=0.5)

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

        def parts() -> Iterator[pb.OfferPart]:
            yield pb.OfferPart(catalogue_version=offer.catalogue_version)
            for start in range(0, len(offer.keys), _KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in offer.keys[start : start + _KEYS_A_PART]]
                yield pb.OfferPart(items=items)

        await self._call(lambda: self._stub.AnnounceOffer(parts(), timeout=self._settings.call_s))

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
        address = pb.ExchangeAddress(run=cleared.run, phase=cleared.phase, round=cleared.round)

        def parts() -> Iterator[bytes]:
            yield pb.ExchangePart(address=address).SerializeToString()
            yield from encode(cleared.payload, cleared.schema, EXCHANGE, sha256=cleared.sha256)

        async def once() -> Reply:
            done, decoder = False, PayloadDecoder(reply, sizes)
            async with streamed(self._stub.Exchange(parts(), timeout=limit_s)) as stream:
                async for raw in stream:
                    part = REPLY.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder.feed(part)
                    elif part.WhichOneof("part") == "ended":
                        raise RunFailed(part.ended.reason, hint=part.ended.hint)
                    else:
                        done = part.closed.done
            return Reply(await asyncio.to_thread(decoder.payload), done)

        return await self._call(once)

    async def publish(self, cleared: Cleared, keys: tuple[str, ...], *, limit_s: float) -> None:
        """Publish cleared vectors of the items `keys`."""

        def parts() -> Iterator[bytes]:
            yield pb.PublishPart(address=pb.PublicationAddress(run=cleared.run)).SerializeToString()
            for start in range(0, len(keys), _KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in keys[start : start + _KEYS_A_PART]]
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            yield from encode(cleared.payload, cleared.schema, PUBLISH, sha256=cleared.sha256)

        await self._call(lambda: self._stub.Publish(parts(), timeout=limit_s))

    async def publication(
        self, run: str, party: str, schema: PayloadSchema, *, limit_s: float
    ) -> tuple[tuple[tuple[str, str], ...], Payload]:
        """Fetch what `party` published after `run`: (key, label) of each row, and the vectors."""
        request = pb.GetPublicationRequest(run=run, party=party)

        async def once() -> tuple[tuple[tuple[str, str], ...], Payload]:
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
            return tuple(offered.items), await asyncio.to_thread(decoder.payload)

        return await self._call(once)

    async def _document(self, open_stream: Callable[[], Any]) -> bytes:
        async def once() -> bytes:
            document = bytearray()
            async with streamed(open_stream()) as stream:
                async for part in stream:
                    join_document(document, part, limit=_LARGEST_DOCUMENT)
            return bytes(document)

        return await self._call(once)

    async def _call(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call; while the coordinator is away, again with jittered backoff until `reconnect_s`."""
        pause, since = _BACKOFF_S[0], None
        while True:
            began = time.monotonic()
            try:
                async with explained(self._folder, self.address):
                    answer = await call()
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
        self._party = party
        self._without = 0

    def add(self, part: Any) -> None:
        """Take in one part before the vectors: the address, or items."""
        found = [(item.key, item.label) for item in part.items.items]
        self._without += not found
        if self._without > _PARTS_WITHOUT_ITEMS:
            raise PayloadError(f"parts of what {self._party} offers name no item", hint=_ASK)
        if len(self.items) + len(found) > _LONGEST_OFFER:
            raise PayloadError(f"{self._party} offers over {_LONGEST_OFFER} items", hint="ask it why")
        if any(max(len(key), len(label)) > LONGEST_NAME for key, label in found):
            raise PayloadError(f"{self._party} offers an item with an overlong name", hint=_ASK)
        self.items.extend(found)
