"""Publications at the federation port: in, out to peers, and taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from feddmf.ledger import items_digest
from feddmf.protocols.registry import protocol_for
from feddmf.telemetry.about import note
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import encode
from feddmf.wire.framing import PUBLISH
from feddmf_coordinator.server.calls import Context, legible
from feddmf_coordinator.server.intake import first_address, first_digest, receive_publication
from feddmf_coordinator.server.offers import offered_items
from feddmf_coordinator.server.rules import RULES
from feddmf_coordinator.server.service import KEYS_A_PART, LONGEST_REASON, Service, attempt
from feddmf_coordinator.store.runs import RunState

__all__ = ["Publishing"]

log = logging.getLogger(__name__)

# The end of the year 9999, behind which no date can be written.
_LATEST_MS = 253_402_300_799_000


class Publishing(Service):
    """The methods about vectors of offered items."""

    async def Publish(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> pb.Ack:
        """Take the vectors of a party's offered items after a run that has held."""
        async with self._calls.admitted(context, "Publish") as party:
            address = await first_address(request_iterator, PUBLISH, context)
            run = await self._supervisor.find(address.run, party, RULES["Publish"].states)
            note(run=run.run)
            if run.state is RunState.FINISHED:
                # The last acknowledgement was lost on its way, and the run has ended since.
                digest = await first_digest(request_iterator, context)
                told = await self._witness.hear(address.ledger, party, context)
                await asyncio.to_thread(self._library.check_published, run, party, digest)
                return pb.Ack(countersignature=await self._witness.countersign(told))
            session = await self._supervisor.session(address.run, party, RULES["Publish"].states)
            session.check_publishing(party)
            told = await self._witness.hear(address.ledger, party, context)
            keys, taken = await receive_publication(request_iterator, session, party, context, self._partials)
            # First the receipt: nobody is handed what no ledger says was received.
            word = await self._witness.countersign(told, taken.what)
            expires_ms = min(address.expires_ms, _LATEST_MS)
            with self._partials.kept_if_taken(taken.arriving):
                await session.publish(party, keys, taken.payload, expires_ms=expires_ms)
            self._partials.took(taken.arriving, taken.what)
        return pb.Ack(countersignature=word)

    async def GetPublication(  # type: ignore[override]  # noqa: N802
        self, request: pb.GetPublicationRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send what one member of a finished run published to another."""
        async with self._calls.admitted(context, "GetPublication") as party:
            run = await self._supervisor.find(request.run, party, RULES["GetPublication"].states)
            publication, payload = await asyncio.to_thread(self._library.publication, run, request.party)
            address = pb.PublicationAddress(
                run=run.run, party=publication.party, expires_ms=publication.expires_ms
            )
            yield pb.PublishPart(address=address).SerializeToString()
            schema = protocol_for(run.plan.settings.protocol).publication(run.plan)
            resumed = request.resumed if request.HasField("resumed") else None
            how = await asyncio.to_thread(attempt, resumed, payload, schema)
            # Who holds vectors of them holds their keys.
            for items in offered_items(() if how.get("start") else publication.items):
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            for part in encode(payload, schema, PUBLISH, **how):
                yield part

    async def Withdraw(self, request: pb.WithdrawRequest, context: Context) -> pb.Ack:  # noqa: N802
        """Take back what the caller published after a run that has finished."""
        async with self._calls.admitted(context, "Withdraw") as party:
            run = await self._supervisor.find(request.run, party, RULES["Withdraw"].states)
            told = await self._witness.hear(request.ledger, party, context)
            keys, reason = tuple(dict.fromkeys(request.keys)), legible(request.reason, LONGEST_REASON)
            gone = await asyncio.to_thread(self._library.take_back, run, party, keys, reason)
            digest = items_digest(keys)
            word = await self._witness.countersign(
                told, {"of": "withdrawal", "run": run.run, "count": len(keys), "items": digest}
            )
        log.info("%s withdraws %d item vectors of run %s: %s", party, gone, run.run, reason)
        return pb.Ack(countersignature=word)

    async def ListWithdrawals(  # noqa: N802
        self, request: pb.ListWithdrawalsRequest, context: Context
    ) -> AsyncIterator[pb.Withdrawal]:
        """Send what peers took back of runs in which the caller took part."""
        async with self._calls.admitted(context, "ListWithdrawals") as party:
            runs = frozenset(request.runs)
            for each in await asyncio.to_thread(self._library.withdrawals, party, runs):
                for start in range(0, max(len(each.keys), 1), KEYS_A_PART):
                    yield pb.Withdrawal(
                        run=each.run,
                        party=each.party,
                        keys=each.keys[start : start + KEYS_A_PART],
                        reason=each.reason,
                        at_ms=each.at_ms,
                    )
