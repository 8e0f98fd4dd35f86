"""What was cut is kept for its sender alone, within bounds, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from feddmf.errors import PayloadError
from feddmf.payload import ArraySpec, Axis, Payload, PayloadSchema, ReleaseKind
from feddmf.wire.codec import PayloadDecoder, encode
from feddmf.wire.framing import EXCHANGE
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf_coordinator.server.partials import Gone, Partials, Place
from support.enrolment import until

ITEMS = Axis.MATCHED_ITEMS
SCHEMA = PayloadSchema((ArraySpec("v", ReleaseKind.ITEM_VECTORS, ITEMS, 25),))
# 1000 bytes.
PAYLOAD = Payload({"v": np.arange(250, dtype=np.float32).reshape(10, 25)})
SHA256 = PAYLOAD.sha256()
PLACE = Place("acme", "r-1", "align", 0)


def _decoder() -> PayloadDecoder:
    return PayloadDecoder(SCHEMA, {ITEMS: 10})


def _stream(start: int = 0) -> tuple[PayloadHeader, list[memoryview]]:
    header, *data = (
        EXCHANGE.open(raw) for raw in encode(PAYLOAD, SCHEMA, EXCHANGE, start=start, chunk_bytes=100)
    )
    return header, data


def _send(partials: Partials, place: Place = PLACE, *, start: int = 0, parts: int = 99) -> bool:
    """Send parts of the payload, then break off; return whether all of it is there."""
    header, data = _stream(start)
    with partials.arriving(place, header, _decoder) as (one, feed):
        for part in data[:parts]:
            feed(part)
        return one.decoder is not None and one.decoder.complete


def _on_a_loop(main: Callable[[], Awaitable[None]]) -> None:
    async def on_a_loop() -> None:
        await main()

    asyncio.run(on_a_loop())


def test_what_was_cut_is_gone_on_with() -> None:
    """From the byte that has arrived, as often as it takes; whole, its bytes are let go."""

    async def main() -> None:
        partials = Partials()
        assert partials.held(PLACE, SHA256) == 0
        assert not _send(partials, parts=3)
        assert (partials.held(PLACE, SHA256), partials.nbytes) == (300, 300)
        assert not _send(partials, start=300, parts=2)
        header, data = _stream(500)
        with partials.arriving(PLACE, header, _decoder) as (one, feed):
            assert partials.nbytes == 0
            for part in data:
                feed(part)
            assert one.decoder is not None
            assert one.decoder.payload().sha256() == SHA256
            partials.took(one, {"of": "release"})
        assert (partials.held(PLACE, SHA256), partials.nbytes) == (1_000, 0)
        with partials.arriving(PLACE, _stream(1_000)[0], _decoder) as (one, feed):
            assert one.whole == {"of": "release"}
            with pytest.raises(PayloadError, match="behind a whole payload"):
                feed(memoryview(b"more"))

    _on_a_loop(main)


@pytest.mark.parametrize(
    "place",
    [
        Place("bolt", "r-1", "align", 0),
        Place("acme", "r-2", "align", 0),
        Place("acme", "r-1", "close", 0),
        Place("acme", "r-1", "align", 1),
    ],
    ids=["party", "run", "phase", "round"],
)
def test_what_one_sent_to_a_round_is_found_by_nobody_else_and_for_nothing_else(place: Place) -> None:
    """Another party, run, phase, round or digest has nothing to go on with."""

    async def main() -> None:
        partials = Partials()
        _send(partials, parts=3)
        assert partials.held(place, SHA256) == 0
        assert partials.held(PLACE, bytes(32)) == 0
        with pytest.raises(Gone):
            _send(partials, place, start=300)
        assert partials.held(PLACE, SHA256) == 300

    _on_a_loop(main)


@pytest.mark.parametrize("start", [100, 299, 400, 1_000, 2**63])
def test_nobody_goes_on_behind_another_byte(start: int) -> None:
    """What the header says has to be what is here."""

    async def main() -> None:
        partials = Partials()
        _send(partials, parts=3)
        header = _stream()[0]
        header.start = start
        with pytest.raises(Gone), partials.arriving(PLACE, header, _decoder):
            pass
        assert partials.held(PLACE, SHA256) == 300

    _on_a_loop(main)


def test_who_asks_ends_the_stream_that_nobody_saw_break() -> None:
    """The older one may be torn at the other end alone: it takes in nothing more."""

    async def main() -> None:
        partials = Partials()
        header, data = _stream()
        with partials.arriving(PLACE, header, _decoder) as (_, feed):
            feed(data[0])
            assert partials.held(PLACE, SHA256) == 100
            with partials.arriving(PLACE, _stream(100)[0], _decoder) as (_, feed_newer):
                feed_newer(data[1])
                with pytest.raises(Gone):
                    feed(data[1])
        assert partials.held(PLACE, SHA256) == 200

    _on_a_loop(main)


def test_what_does_not_fit_is_not_kept() -> None:
    """Its sender would only go on with it."""

    async def main() -> None:
        partials = Partials()
        header, data = _stream()
        header.arrays[0].rows = 9
        with pytest.raises(PayloadError), partials.arriving(PLACE, header, _decoder) as (_, feed):
            feed(data[0])
        assert (partials.held(PLACE, SHA256), partials.nbytes) == (0, 0)

    _on_a_loop(main)


def test_no_more_is_kept_than_was_set() -> None:
    """Of one party and of all; what is over it is dropped, and what others have sent stays."""

    async def main() -> None:
        partials = Partials(most_bytes=1_000, party_bytes=600)
        for number in range(20):
            _send(partials, Place("acme", f"r-{number}", "align", 0), parts=5)
            assert partials.nbytes <= 600
        _send(partials, Place("bolt", "r-1", "align", 0), parts=5)
        assert partials.held(Place("bolt", "r-1", "align", 0), SHA256) == 500
        _send(partials, Place("cargo", "r-1", "align", 0), parts=5)
        assert partials.held(Place("cargo", "r-1", "align", 0), SHA256) == 0
        assert partials.nbytes == 1_000

    _on_a_loop(main)


def test_a_stream_that_brings_nothing_leaves_nothing() -> None:
    """A header alone is no reason to keep anything."""

    async def main() -> None:
        partials = Partials()
        for number in range(1_000):
            _send(partials, Place("acme", f"r-{number}", "align", 0), parts=0)
        assert partials.nbytes == 0
        assert not partials._last

    _on_a_loop(main)


def test_what_nobody_goes_on_with_is_dropped_in_the_end() -> None:
    """By a timer, whether anybody calls or not."""

    async def main() -> None:
        partials = Partials(keep_s=0.01)
        _send(partials, parts=3)
        assert partials.nbytes == 300
        await until(lambda: not partials.nbytes)
        assert partials.held(PLACE, SHA256) == 0
        assert not partials._last

    _on_a_loop(main)


def test_a_later_round_takes_the_place_of_an_earlier_one() -> None:
    """One payload is kept of a party in a run; a contribution that fails beyond is sent anew."""

    async def main() -> None:
        partials = Partials()
        _send(partials, parts=3)
        later = Place("acme", "r-1", "align", 1)
        _send(partials, later, parts=2)
        assert (partials.held(PLACE, SHA256), partials.held(later, SHA256), partials.nbytes) == (0, 200, 200)
        with partials.arriving(later, _stream(200)[0], _decoder) as (one, feed):
            for part in _stream(200)[1]:
                feed(part)
            partials.took(one, {})
        with pytest.raises(PayloadError), partials.kept_if_taken(one):
            raise PayloadError("the disk is full")
        assert partials.held(later, SHA256) == 0

    _on_a_loop(main)
