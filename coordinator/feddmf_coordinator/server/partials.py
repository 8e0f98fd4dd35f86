"""What came of payloads whose streams were cut, kept for a while, so that another stream goes on behind it.

A party finds what it sent itself and nothing else. Of one party, and of all, no more is kept than was set;
what is over that is dropped, and its sender begins anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from feddmf.errors import FedDMFError, PayloadError
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.payload_pb2 import PayloadHeader

__all__ = ["Arriving", "Gone", "Partials", "Place"]

# Runs of one party, the last ones.
_MOST_PLACES = 8
# What an item that is named takes, beside its vectors.
_KEY_BYTES = 100


@dataclass(frozen=True)
class Place:
    """Where a payload belongs: a round of a party in a run."""

    party: str
    run: str
    phase: str
    round: int


class Gone(Exception):  # noqa: N818  (a signal to end the stream; its sender asks again)
    """What a stream goes on behind is not here, or another stream goes on with it."""


class Arriving:
    """A payload as it arrives, in one stream or more.

    decoder: what has arrived, None once that was handed on; keys: the items that were named before it;
    whole: what the ledger says of it, once all of it was taken in.
    """

    def __init__(
        self, place: Place, sha256: bytes, decoder: PayloadDecoder, keys: tuple[str, ...] = ()
    ) -> None:
        self.place = place
        self.sha256 = sha256
        self.decoder: PayloadDecoder | None = decoder
        self.keys = keys
        self.whole: Mapping[str, Any] | None = None
        self.arrived = 0
        self.reader: object = None
        self.laid_by = 0
        self.expiry: asyncio.TimerHandle | None = None

    def feed(self, part: PayloadHeader | memoryview, reader: object) -> None:
        """Take in the header or data; Gone where another stream has taken over."""
        if self.reader is not reader:
            raise Gone
        if self.decoder is None:
            raise PayloadError("data behind a whole payload", hint="both ends must run the same version")
        self.decoder.feed(part)
        self.arrived = self.decoder.arrived


class Partials:
    """Payloads that are arriving or were cut: the last one of each party in each run."""

    def __init__(
        self, *, most_bytes: int = 1 << 30, party_bytes: int = 1 << 28, keep_s: float = 90.0
    ) -> None:
        """most_bytes: of all that was cut; party_bytes: of what one party sent; keep_s: for how long."""
        self._most_bytes = most_bytes
        self._party_bytes = party_bytes
        self._keep_s = keep_s
        self._last: defaultdict[str, OrderedDict[str, Arriving]] = defaultdict(OrderedDict)
        self._laid_by: Counter[str] = Counter()

    @property
    def nbytes(self) -> int:
        """Bytes of all that was cut."""
        return self._laid_by.total()

    def held(self, place: Place, sha256: bytes) -> int:
        """Return how many of the first bytes are here; they wait for another stream from now on."""
        found = self._find(place, sha256)
        if found is not None and found.whole is None:
            self._lay_by(found)
            found = self._find(place, sha256)
        return 0 if found is None else found.arrived

    @contextmanager
    def arriving(
        self,
        place: Place,
        header: PayloadHeader,
        decoder: Callable[[], PayloadDecoder],
        keys: tuple[str, ...] = (),
    ) -> Iterator[tuple[Arriving, Callable[[memoryview], None]]]:
        """Take in the header of a stream; yield what arrives, and what takes data in. What is cut is kept.

        decoder: makes one for a payload of which nothing is here. Raises Gone where the header goes on behind
        what is not here, PayloadError where it does not fit.
        """
        reader = object()
        one = self._go_on(place, header) if header.start else Arriving(place, header.sha256, decoder(), keys)
        self._take_up(one)
        self._put(one)
        one.reader = reader
        try:
            if one.whole is None:
                one.feed(header, reader)
            yield one, lambda part: one.feed(part, reader)
        except FedDMFError:
            # It does not fit, and would not fit again.
            self._drop(one)
            raise
        finally:
            if one.reader is reader and one.whole is None:
                self._lay_by(one)

    def took(self, one: Arriving, what: Mapping[str, Any]) -> None:
        """Note that all of a payload was taken in, and what the ledger says of it; its bytes are let go."""
        self._take_up(one)
        one.whole, one.decoder, one.keys, one.reader = what, None, (), None

    @contextmanager
    def kept_if_taken(self, one: Arriving) -> Iterator[None]:
        """Hand a payload on in a block; where that fails, its sender begins anew."""
        try:
            yield
        except FedDMFError:
            self._drop(one)
            raise

    def _find(self, place: Place, sha256: bytes) -> Arriving | None:
        found = self._last[place.party].get(place.run) if place.party in self._last else None
        return found if found is not None and (found.place, found.sha256) == (place, sha256) else None

    def _go_on(self, place: Place, header: PayloadHeader) -> Arriving:
        found = self._find(place, header.sha256)
        if found is None or found.arrived != header.start:
            raise Gone
        if found.decoder is not None:
            found.decoder.cut()
        return found

    def _put(self, one: Arriving) -> None:
        """Make it the last of its party in its run; what it takes the place of is dropped."""
        party, run = one.place.party, one.place.run
        before = self._last[party].get(run)
        if before is not None and before is not one:
            self._drop(before)
        self._last[party][run] = one
        self._last[party].move_to_end(run)
        while len(self._last[party]) > _MOST_PLACES:
            self._drop(next(iter(self._last[party].values())))

    def _lay_by(self, one: Arriving) -> None:
        """Keep what came until another stream brings the rest; for a while, and within bounds."""
        self._take_up(one)
        one.reader = None
        party, nbytes = one.place.party, one.arrived + _KEY_BYTES * len(one.keys)
        last = self._last[party].get(one.place.run) is one
        room = min(self._party_bytes - self._laid_by[party], self._most_bytes - self.nbytes)
        if not last or not 0 < nbytes <= room:
            self._drop(one)
        else:
            one.laid_by = nbytes
            self._laid_by[party] += nbytes
            one.expiry = asyncio.get_running_loop().call_later(self._keep_s, self._drop, one)

    def _take_up(self, one: Arriving) -> None:
        """Count its bytes no more among those that wait."""
        self._laid_by[one.place.party] -= one.laid_by
        one.laid_by = 0
        if one.expiry is not None:
            one.expiry.cancel()
            one.expiry = None

    def _drop(self, one: Arriving) -> None:
        self._take_up(one)
        one.reader = None
        party, run = one.place.party, one.place.run
        if self._last[party].get(run) is one:
            del self._last[party][run]
        if not self._last[party]:
            del self._last[party], self._laid_by[party]
