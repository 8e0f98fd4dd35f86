"""What parties send in parts: taken in within bounds, and put down to its sender where it does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import grpc

from feddmf.errors import Misconduct, PayloadError
from feddmf.matching import MOST_ITEMS
from feddmf.payload import Axis, Payload
from feddmf.protocols.base import Phase
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, Envelope
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf.wire.points import fed_points
from feddmf_coordinator.server.calls import Context, legible
from feddmf_coordinator.server.session import Session

__all__ = [
    "first_address",
    "first_digest",
    "receive_contribution",
    "receive_offer",
    "receive_points",
    "receive_publication",
]

_FIRST_PART_S = 30.0
_POINTS_S = 120.0
_LONGEST_BLAME = 300
_MOST_KEYS = 1_000_000
_LONGEST_KEY = 200
_HINT = "both ends must run the same version"


async def first_address(parts: AsyncIterator[bytes], envelope: Envelope, context: Context) -> Any:
    """Return the address that a stream begins with; one that does not begin is cut short."""
    async with _in_time(_FIRST_PART_S, context):
        async for raw in parts:
            part = envelope.open(raw)
            return (part if isinstance(part, envelope.message) else envelope.message()).address
    return await _cut_short(context)


async def first_digest(parts: AsyncIterator[bytes], context: Context) -> str:
    """Return the digest, in hex, that a publication's header declares."""
    async with _in_time(_FIRST_PART_S, context):
        async for raw in parts:
            part = PUBLISH.open(raw)
            if isinstance(part, PayloadHeader):
                return part.sha256.hex()
    return await _cut_short(context)


async def receive_contribution(
    parts: AsyncIterator[bytes], session: Session, party: str, phase: Phase, context: Context
) -> Payload:
    """Return the payload of a contribution to `phase`; Misconduct for what was not declared."""
    decoder = PayloadDecoder(phase.contribution, session.sizes(party))
    async with _in_time(session.plan.settings.waits.round_s, context):
        with session.blaming(), _misconduct_of(party):
            async for raw in parts:
                session.touch(party)
                _feed(decoder, EXCHANGE.open(raw))
            if decoder.complete:
                # Hashing and checking a large payload takes a while; others are served meanwhile.
                return await asyncio.to_thread(decoder.payload)
    return await _cut_short(context)


async def receive_publication(
    parts: AsyncIterator[bytes], session: Session, party: str, context: Context
) -> tuple[tuple[str, ...], Payload]:
    """Return the keys that a party publishes and their vectors; Misconduct for what is not its to publish."""
    keys: dict[str, None] = {}
    decoder: PayloadDecoder | None = None
    async with _in_time(session.plan.settings.waits.publish_s, context):
        with session.blaming(), _misconduct_of(party):
            async for raw in parts:
                session.touch(party)
                part = PUBLISH.open(raw)
                if (
                    isinstance(part, pb.PublishPart)
                    and part.WhichOneof("part") == "items"
                    and decoder is None
                ):
                    _add_keys(keys, [item.key for item in part.items.items], session, party)
                    continue
                decoder = decoder or PayloadDecoder(
                    session.publication_schema, {Axis.OFFERED_ITEMS: len(keys)}
                )
                _feed(decoder, part)
            if decoder is not None and decoder.complete:
                return tuple(keys), await asyncio.to_thread(decoder.payload)
    return await _cut_short(context)


async def receive_offer(
    parts: AsyncIterator[pb.OfferPart], context: Context
) -> tuple[int, tuple[str, ...], pb.LedgerHead]:
    """Return the catalogue version and the keys that a party offers, and the head that it tells."""
    version, keys, ledger = 0, dict[str, None](), pb.LedgerHead()
    async with _in_time(_FIRST_PART_S, context):
        async for part in parts:
            version = version or part.catalogue_version
            ledger = part.ledger if part.HasField("ledger") else ledger
            keys.update((item.key, None) for item in part.items)
            long = any(len(item.key) > _LONGEST_KEY for item in part.items)
            if long or len(keys) > _MOST_KEYS or not (part.items or part.catalogue_version):
                raise PayloadError(
                    f"an offer of over {_MOST_KEYS} items, of an overlong key, or a part without any",
                    hint=_HINT,
                )
    return version, tuple(keys), ledger


async def receive_points(parts: AsyncIterator[bytes], party: str, context: Context) -> Payload:
    """Return the points that a party sends to a matching; Misconduct for anything else."""
    decoder: PayloadDecoder | None = None
    async with _in_time(_POINTS_S, context):
        with _misconduct_of(party):
            async for raw in parts:
                part = MATCH.open(raw)
                if not isinstance(part, PayloadHeader | memoryview):
                    raise PayloadError("a part that is no part of a payload", hint=_HINT)
                decoder = fed_points(decoder, part, most=MOST_ITEMS)
            if decoder is not None and decoder.complete:
                return await asyncio.to_thread(decoder.payload)
    return await _cut_short(context)


def _feed(decoder: PayloadDecoder, part: Any) -> None:
    # A part without content is none of ours: a stream of these would never end.
    if not (isinstance(part, PayloadHeader) or (isinstance(part, memoryview) and len(part))):
        raise PayloadError("a part that is no part of a payload", hint=_HINT)
    decoder.feed(part)


def _add_keys(keys: dict[str, None], more: list[str], session: Session, party: str) -> None:
    """Add item keys; they can only become as many as the party has items that somebody lacks."""
    if not more:
        raise PayloadError("a part that names no item", hint=_HINT)
    offerable = session.offerable(party)
    for key in more:
        shown = legible(repr(key), 80)
        if key not in offerable:
            raise _offence(party, f"publishes {shown}, which is not an item of its own that another lacks")
        if key in keys:
            raise _offence(party, f"publishes item {shown} twice")
        keys[key] = None


def _offence(party: str, what: str) -> Misconduct:
    return Misconduct(party, f"{party} {what}", hint="mend its offer file: feddmf attributes offer")


@contextmanager
def _misconduct_of(party: str) -> Iterator[None]:
    """Put what does not fit down to its sender."""
    try:
        yield
    except PayloadError as error:
        what = legible(error.message, _LONGEST_BLAME)
        raise Misconduct(party, f"{party} sent {what}", hint=error.hint) from error


@asynccontextmanager
async def _in_time(limit_s: float, context: Context) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        await _cut_short(context)


async def _cut_short(context: Context) -> NoReturn:
    """End the call: a torn stream is nobody's fault, and the party sends again."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "what was sent is cut short; send it again")
    raise AssertionError("abort always raises")
