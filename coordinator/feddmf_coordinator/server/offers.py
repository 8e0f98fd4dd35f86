"""Offers at the federation port: what a party is ready to publish, what its peers are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

from feddmf.ledger import items_digest
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator.server.calls import Context
from feddmf_coordinator.server.intake import receive_offer
from feddmf_coordinator.server.service import KEYS_A_PART, Service

__all__ = ["Offers", "offered_items"]

log = logging.getLogger(__name__)


class Offers(Service):
    """The methods about offers."""

    async def AnnounceOffer(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.OfferPart], context: Context
    ) -> pb.Ack:
        """Keep what a party is ready to publish."""
        async with self._calls.admitted(context, "AnnounceOffer") as party:
            version, keys, ledger = await receive_offer(request_iterator, context)
            told = await self._witness.hear(ledger, party, context)
            await asyncio.to_thread(self._library.announce, party, version, keys)
            digest = items_digest(sorted(keys))
            word = await self._witness.countersign(
                told, {"of": "offer", "catalogue_version": version, "count": len(keys), "items": digest}
            )
        log.info("%s offers %d items", party, len(keys))
        return pb.Ack(countersignature=word)

    async def ListOffers(  # noqa: N802
        self,
        request: pb.ListOffersRequest,  # noqa: ARG002  (it asks for all there is)
        context: Context,
    ) -> AsyncIterator[pb.OfferPart]:
        """Send what the caller's peers are ready to publish."""
        async with self._calls.admitted(context, "ListOffers") as party:
            for offer in await asyncio.to_thread(self._library.offers):
                if offer.party != party:
                    for items in offered_items(offer.items):
                        yield pb.OfferPart(
                            catalogue_version=offer.catalogue_version, owner=offer.party, items=items
                        )


def offered_items(items: tuple[tuple[str, str], ...]) -> Iterator[list[pb.OfferedItem]]:
    """Yield (key, label) pairs as messages, as many as fit a part; one empty list for none."""
    for start in range(0, max(len(items), 1), KEYS_A_PART):
        chosen = items[start : start + KEYS_A_PART]
        yield [pb.OfferedItem(key=key, label=label) for key, label in chosen]
