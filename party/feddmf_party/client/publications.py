"""Vectors of offered items: this party's up, a peer's down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from feddmf.errors import PayloadError
from feddmf.ledger import PUBLISHING
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.framing import PUBLISH
from feddmf.wire.pace import travel_s
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf_party.client.answers import paced
from feddmf_party.client.bounds import ASK, KEYS_A_PART, LONGEST_NAME, LONGEST_OFFER
from feddmf_party.client.transfers import Transfers, Upload, resumption
from feddmf_party.egress import Cleared
from feddmf_party.expiry import LATEST_MS

__all__ = ["Publications"]

# The address, and the empty list of a party that offers nothing.
_PARTS_WITHOUT_ITEMS = 2


class Publications(Transfers):
    """Publishing, and fetching what peers published."""

    async def publish(
        self, cleared: Cleared, keys: tuple[str, ...], *, limit_s: float, expires_ms: int = 0
    ) -> None:
        """Publish cleared vectors of the items `keys`; expires_ms: when peers must stop using them.

        limit_s: for each attempt, beside what the slowest line takes.
        """
        upload = Upload(cleared, cleared.schema, PUBLISH)
        attempt_s = limit_s + travel_s(upload.nbytes + sum(len(key.encode()) + 4 for key in keys))

        def parts(ledger: pb.LedgerHead) -> Iterator[bytes]:
            address = pb.PublicationAddress(run=cleared.run, ledger=ledger, expires_ms=expires_ms)
            yield pb.PublishPart(address=address).SerializeToString()
            # Who holds vectors of them holds their keys.
            for start in range(0, 0 if upload.held else len(keys), KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in keys[start : start + KEYS_A_PART]]
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            yield from upload.parts()

        async def once(ledger: pb.LedgerHead) -> None:
            await self._go_on(upload, cleared.run, PUBLISHING, 0)
            ack = await self._stub.Publish(parts(ledger), timeout=attempt_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once, lambda: upload.arrived)

    async def publication(
        self, run: str, party: str, schema: PayloadSchema, *, limit_s: float
    ) -> tuple[tuple[tuple[str, str], ...], Payload, int]:
        """Fetch what `party` published after `run`: (key, label) of each row, the vectors, when it ends.

        That is in milliseconds since 1970, 0 where it does not end. limit_s: for each attempt, beside what
        the slowest line takes for what has come.
        """
        coming = _Coming(party, schema)

        async def once() -> tuple[tuple[tuple[str, str], ...], Payload, int]:
            request = pb.GetPublicationRequest(run=run, party=party, resumed=coming.again())
            async with paced(self._stub.GetPublication(request), limit_s) as stream:
                async for raw in stream:
                    coming.take(PUBLISH.open(raw))
            return await asyncio.to_thread(coming.whole)

        return await self._call(once, lambda: coming.arrived)


class _Coming:
    """A peer's publication on its way down, in one attempt or more."""

    def __init__(self, party: str, schema: PayloadSchema) -> None:
        self._party = party
        self._schema = schema
        self._named = self._offered = _Offered(party)
        self._decoder: PayloadDecoder | None = None
        self._vectors = self._begun = False

    @property
    def arrived(self) -> int:
        """Bytes of the vectors that have arrived."""
        return self._decoder.arrived if self._decoder is not None else 0

    def again(self) -> pb.Resumption | None:
        """Begin an attempt; return what to say of the one before."""
        resumed = resumption(self._decoder) if self._begun else None
        self._begun, self._vectors, self._named = True, False, _Offered(self._party)
        return resumed

    def take(self, part: Any) -> None:
        """Take in one part: the address, items, the header, then vectors."""
        if isinstance(part, PayloadHeader) and not part.start and not self._vectors:
            # From the first byte on: what was named in this attempt belongs to it.
            self._offered = self._named
            self._decoder = PayloadDecoder(self._schema, {Axis.OFFERED_ITEMS: len(self._offered.items)})
        if isinstance(part, memoryview | PayloadHeader):
            self._vectors = True
            if self._decoder is None:
                raise PayloadError("data that no header has declared", hint=ASK)
            self._decoder.feed(part)
        elif self._vectors:
            raise PayloadError(f"{self._party} offers items after its vectors", hint=ASK)
        else:
            self._named.add(part)

    def whole(self) -> tuple[tuple[tuple[str, str], ...], Payload, int]:
        """Return (key, label) of each row, the vectors, and when they end; PayloadError where some miss."""
        if self._decoder is None:
            raise PayloadError(f"an empty publication of {self._party}", hint="try again")
        until_ms = min(self._named.expires_ms or self._offered.expires_ms, LATEST_MS)
        return tuple(self._offered.items), self._decoder.payload(), until_ms


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
            raise PayloadError(f"parts of what {self._party} offers name no item", hint=ASK)
        if len(self.items) + len(found) > LONGEST_OFFER:
            raise PayloadError(f"{self._party} offers over {LONGEST_OFFER} items", hint="ask it why")
        if any(max(len(key), len(label)) > LONGEST_NAME for key, label in found):
            raise PayloadError(f"{self._party} offers an item with an overlong name", hint=ASK)
        self.items.extend(found)
