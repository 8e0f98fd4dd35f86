"""What parties send in parts: taken in within bounds, and put down to its sender where it does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc

from feddmf.errors import Misconduct, PayloadError
from feddmf.ledger import PUBLISHING, items_digest
from feddmf.matching import MOST_ITEMS
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, Envelope
from feddmf.wire.pace import Pace
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf.wire.points import fed_points
from feddmf_coordinator.server.calls import Context, legible
from feddmf_coordinator.server.partials import Arriving, Gone, Partials, Place
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.server.witness import received

__all__ = [
    "Taken",
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


@dataclass(frozen=True)
class Taken:
    """A payload that was taken in, and what the ledger says of it.

    Of one that was taken in before, in an earlier stream, only the digest is here.
    """

    arriving: Arriving
    payload: Payload
    what: Mapping[str, Any]


async def receive_contribution(
    parts: AsyncIterator[bytes], session: Session, place: Place, context: Context, partials: Partials
) -> Taken:
    """Return the payload of a contribution to a round; Misconduct for what was not declared."""
    party, schema = place.party, session.phase(place.phase).contribution

    def decoder() -> PayloadDecoder:
        return PayloadDecoder(schema, session.sizes(party))

    async with _in_time(session.plan.settings.waits.round_s, context) as pace:
        with session.blaming(), _misconduct_of(party):
            heard = _heard(parts, session, party, pace)
            async for raw in heard:
                with partials.arriving(place, _header(EXCHANGE.open(raw)), decoder) as (one, feed):
                    async for more in heard:
                        feed(_data(EXCHANGE.open(more)))
                        session.arriving(party, one.arrived)
                    taken = await _taken(one, schema)
                    if taken is not None:
                        # The round table comes next, with nothing in between.
                        partials.took(one, taken.what)
                        return taken
                break
    return await _cut_short(context)


async def receive_publication(
    parts: AsyncIterator[bytes], session: Session, party: str, context: Context, partials: Partials
) -> tuple[tuple[str, ...], Taken]:
    """Return the keys that a party publishes and their vectors; Misconduct for what is not its to publish."""
    place, schema = Place(party, session.plan.run, PUBLISHING, 0), session.publication_schema
    keys: dict[str, None] = {}

    def decoder() -> PayloadDecoder:
        return PayloadDecoder(schema, {Axis.OFFERED_ITEMS: len(keys)})

    async with _in_time(session.plan.settings.waits.publish_s, context) as pace:
        with session.blaming(), _misconduct_of(party):
            heard = _heard(parts, session, party, pace)
            async for raw in heard:
                part = PUBLISH.open(raw)
                if isinstance(part, pb.PublishPart) and part.WhichOneof("part") == "items":
                    _add_keys(keys, [item.key for item in part.items.items], session, party)
                    continue
                with partials.arriving(place, _header(part), decoder, tuple(keys)) as (one, feed):
                    named = one.keys
                    async for more in heard:
                        feed(_data(PUBLISH.open(more)))
                        session.arriving(party, one.arrived)
                    taken = await _taken(one, schema, items=items_digest(named))
                    if taken is not None:
                        return named, taken
                break
    return await _cut_short(context)


async def _heard(
    parts: AsyncIterator[bytes], session: Session, party: str, pace: Pace
) -> AsyncIterator[bytes]:
    """Yield parts as they come; each is a sign of life."""
    async for raw in parts:
        session.touch(party)
        pace.took(len(raw))
        yield raw


async def _taken(one: Arriving, schema: PayloadSchema, **more: str) -> Taken | None:
    """Return what has arrived, once all of it has."""
    if one.whole is not None:
        return Taken(one, Payload(sha256=one.sha256), one.whole)
    if one.decoder is None or not one.decoder.complete:
        return None
    # Hashing and checking a large payload takes a while; others are served meanwhile.
    payload = await asyncio.to_thread(one.decoder.payload)
    place = one.place
    return Taken(one, payload, {**received(place.run, place.phase, place.round, schema, payload), **more})


async def receive_offer(
    parts: AsyncIterator[pb.OfferPart], context: Context
) -> tuple[int, tuple[str, ...], pb.LedgerHead]:
    """Return the catalogue version and the keys that a party offers, and the head that it tells."""
    version, keys, ledger = 0, dict[str, None](), pb.LedgerHead()
    async with _in_time(_FIRST_PART_S, context) as pace:
        async for part in parts:
            pace.took(part.ByteSize())
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
    async with _in_time(_POINTS_S, context) as pace:
        with _misconduct_of(party):
            async for raw in parts:
                pace.took(len(raw))
                part = MATCH.open(raw)
                if not isinstance(part, PayloadHeader | memoryview):
                    raise PayloadError("a part that is no part of a payload", hint=_HINT)
                decoder = fed_points(decoder, part, most=MOST_ITEMS)
            if decoder is not None and decoder.complete:
                return await asyncio.to_thread(decoder.payload)
    return await _cut_short(context)


def _header(part: Any) -> PayloadHeader:
    if not isinstance(part, PayloadHeader):
        raise PayloadError("a part that is no part of a payload, or none that it begins with", hint=_HINT)
    return part


def _data(part: Any) -> memoryview:
    # A part without content is none of ours: a stream of these would never end.
    if not isinstance(part, memoryview) or not len(part):
        raise PayloadError("a part that is no part of a payload", hint=_HINT)
    return part


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
async def _in_time(limit_s: float, context: Context) -> AsyncIterator[Pace]:
    try:
        async with Pace(limit_s) as pace:
            yield pace
    except (TimeoutError, Gone):
        await _cut_short(context)


async def _cut_short(context: Context) -> NoReturn:
    """End the call: a torn stream is nobody's fault, and the party sends again."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "what was sent is cut short; send it again")
    raise AssertionError("abort always raises")
