"""The party's only way out: the federation channel. Releases are sent only as the gate cleared them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import feddmf.wire  # noqa: F401, I001  (before grpc: it holds TLS to 1.3)
import grpc

from feddmf.errors import ConnectError, InputError, PayloadError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES, PayloadDecoder, encode, join_document
from feddmf.wire.federation_pb2_grpc import FederationStub
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_party.egress import Cleared
from feddmf_party.identity import explain_refusal, load_identity
from feddmf_party.settings import NodeSettings

__all__ = ["FederationClient"]

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LARGEST_DOCUMENT = 1 << 30
_LONGEST_OFFER = 1_000_000
_KEYS_A_PART = 2_000
_BACKOFF_S = (0.2, 5.0)
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
# The other end, or the way to it, is not there for now: worth another try.
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
_REFUSING = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


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

    async def __aenter__(self) -> Self:
        credentials = grpc.ssl_channel_credentials(
            self._identity.root_pem, self._identity.key_pem, self._identity.certificate_pem
        )
        self._channel = grpc.aio.secure_channel(self.address, credentials, options=_OPTIONS)
        self._stub: Any = FederationStub(self._channel)
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

        def parts() -> Iterator[pb.ExchangePart]:
            yield pb.ExchangePart(address=address)
            for part in encode(cleared.payload, cleared.schema):
                yield pb.ExchangePart(payload=part)

        async def once() -> Reply:
            done, decoder = False, PayloadDecoder(reply, sizes)
            async for part in self._stub.Exchange(parts(), timeout=limit_s):
                kind = part.WhichOneof("part")
                if kind == "ended":
                    raise RunFailed(part.ended.reason, hint=part.ended.hint)
                if kind == "closed":
                    done = part.closed.done
                else:
                    decoder.feed(part.payload)
            return Reply(decoder.payload(), done)

        return await self._call(once)

    async def publish(self, cleared: Cleared, keys: tuple[str, ...]) -> None:
        """Publish cleared vectors of the items `keys`."""

        def parts() -> Iterator[pb.PublishPart]:
            yield pb.PublishPart(address=pb.PublicationAddress(run=cleared.run))
            for start in range(0, len(keys), _KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in keys[start : start + _KEYS_A_PART]]
                yield pb.PublishPart(items=pb.OfferedItems(items=items))
            for part in encode(cleared.payload, cleared.schema):
                yield pb.PublishPart(payload=part)

        await self._call(lambda: self._stub.Publish(parts(), timeout=self._settings.call_s))

    async def publication(
        self, run: str, party: str, schema: PayloadSchema
    ) -> tuple[tuple[tuple[str, str], ...], Payload]:
        """Fetch what `party` published after `run`: (key, label) of each row, and the vectors."""
        request = pb.GetPublicationRequest(run=run, party=party)

        async def once() -> tuple[tuple[tuple[str, str], ...], Payload]:
            items: list[tuple[str, str]] = []
            decoder: PayloadDecoder | None = None
            async for part in self._stub.GetPublication(request, timeout=self._settings.call_s):
                kind = part.WhichOneof("part")
                if kind == "items" and decoder is None:
                    items.extend((item.key, item.label) for item in part.items.items)
                    if len(items) > _LONGEST_OFFER:
                        raise PayloadError(f"{party} offers over {_LONGEST_OFFER} items", hint="ask it why")
                elif kind == "payload":
                    decoder = decoder or PayloadDecoder(schema, {Axis.OFFERED_ITEMS: len(items)})
                    decoder.feed(part.payload)
            if decoder is None:
                raise PayloadError(f"an empty publication of {party}", hint="try again")
            return tuple(items), decoder.payload()

        return await self._call(once)

    async def _document(self, open_stream: Callable[[], AsyncIterator[Any]]) -> bytes:
        async def once() -> bytes:
            document = bytearray()
            async for part in open_stream():
                join_document(document, part, limit=_LARGEST_DOCUMENT)
            return bytes(document)

        return await self._call(once)

    async def _call(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call; while the coordinator is away, again with jittered backoff until `reconnect_s`."""
        began, pause = time.monotonic(), _BACKOFF_S[0]
        while True:
            try:
                async with _explained(self._folder, self.address):
                    return await call()
            except _Away as away:
                waited = time.monotonic() - began
                if waited + pause > self._settings.reconnect_s:
                    raise self._unreachable(away, waited) from away
                log.debug("the coordinator is away (%s); trying again", away)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jitter, no secret)
            pause = min(pause * 2, _BACKOFF_S[1])

    def _unreachable(self, away: _Away, waited: float) -> ConnectError:
        return ConnectError(
            f"the coordinator at {self.address} cannot be reached ({away}), tried for {waited:.0f} s",
            hint="check that it runs, that the address in identity/federation.toml is right, "
            "and that this certificate is of its federation",
        )


class _Away(Exception):  # noqa: N818  (a signal to try again)
    """The coordinator did not answer this time."""


@asynccontextmanager
async def _explained(folder: Path, address: str) -> AsyncIterator[None]:
    """Map the wire's errors to ours, most specific first."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        details = error.details() or ""
        if error.code() in _REFUSING:
            raise explain_refusal(folder, address) from error
        if error.code() in _PASSING:
            raise _Away(details.splitlines()[0] if details else error.code().name.lower()) from error
        message, _, hint = details.partition("\n")
        raise InputError(f"the coordinator says: {message}", hint=hint) from error
