"""The federation port: decodes what an enrolled party says, asks the right noun, encodes the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version

from feddmf.errors import PartyMissing, RunFailed
from feddmf.protocols.registry import protocol_for
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import document_parts, encode
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf.wire.framing import EXCHANGE, PUBLISH, REPLY
from feddmf.wire.payload_pb2 import DocumentPart
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_coordinator.server.calls import Calls, Context, legible
from feddmf_coordinator.server.intake import (
    first_address,
    first_digest,
    receive_contribution,
    receive_offer,
    receive_publication,
)
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.store.runs import RunState

__all__ = ["FederationService"]

log = logging.getLogger(__name__)

_LONGEST_REASON = 500
_KEYS_A_PART = 2_000


class FederationService(FederationServicer):
    """One method a call of the party; every one of them admits its caller first.

    Messages that carry arrays come and go as bytes, framed by an `Envelope`.
    """

    def __init__(self, federation: str, calls: Calls, library: Library, supervisor: Supervisor) -> None:
        self._federation = federation
        self._calls = calls
        self._library = library
        self._supervisor = supervisor

    async def Hello(self, request: pb.HelloRequest, context: Context) -> pb.HelloReply:  # noqa: N802
        """Agree on the wire's version."""
        async with self._calls.admitted(context):
            if request.protocol_version != PROTOCOL_VERSION:
                older = "party" if request.protocol_version < PROTOCOL_VERSION else "coordinator"
                raise RunFailed(
                    f"the party speaks wire version {request.protocol_version}, "
                    f"the coordinator {PROTOCOL_VERSION}",
                    hint=f"upgrade the {older}",
                )
        return pb.HelloReply(
            protocol_version=PROTOCOL_VERSION, software=version("feddmf"), federation=self._federation
        )

    async def Beat(self, request: pb.BeatRequest, context: Context) -> pb.BeatReply:  # noqa: N802
        """Take a sign of life; say what waits for the party and how its run stands."""
        async with self._calls.admitted(context) as party:
            reply = pb.BeatReply(
                catalogue_version=await asyncio.to_thread(self._library.latest_version),
                waiting_run=self._supervisor.waiting_for(party),
            )
            if request.run:
                state, reply.reason = await self._supervisor.state_of(request.run, party)
                # A submitted run is one that this party cannot be in yet.
                reply.state = (
                    pb.RunState.Value(state.name) if state is not RunState.SUBMITTED else pb.GATHERING
                )
        return reply

    async def GetCatalogue(  # noqa: N802
        self, request: pb.GetCatalogueRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the party's own view, behind the proof that it is part of the digest."""
        async with self._calls.admitted(context, transfer=True) as party:
            for part in document_parts(await self._library.view(request.version, party)):
                yield part

    async def AcceptCatalogue(  # noqa: N802
        self, request: pb.AcceptCatalogueRequest, context: Context
    ) -> pb.Ack:
        """Note that the party accepts a digest."""
        async with self._calls.admitted(context) as party:
            await asyncio.to_thread(self._library.accept, request.version, party, request.digest)
        log.info("%s accepts catalogue version %d", party, request.version)
        return pb.Ack()

    async def AnnounceOffer(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.OfferPart], context: Context
    ) -> pb.Ack:
        """Keep what a party is ready to publish."""
        async with self._calls.admitted(context, transfer=True) as party:
            version, keys = await receive_offer(request_iterator, context)
            await asyncio.to_thread(self._library.announce, party, version, keys)
        log.info("%s offers %d items", party, len(keys))
        return pb.Ack()

    async def ListOffers(  # noqa: N802
        self,
        request: pb.ListOffersRequest,  # noqa: ARG002  (it asks for all there is)
        context: Context,
    ) -> AsyncIterator[pb.OfferPart]:
        """Send what the caller's peers are ready to publish."""
        async with self._calls.admitted(context, transfer=True) as party:
            for offer in await asyncio.to_thread(self._library.offers):
                if offer.party != party:
                    for items in _offered_items(offer.items):
                        yield pb.OfferPart(
                            catalogue_version=offer.catalogue_version, owner=offer.party, items=items
                        )

    async def GetPlan(  # noqa: N802
        self, request: pb.GetPlanRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the plan of a run to one of its parties."""
        async with self._calls.admitted(context, transfer=True) as party:
            run = await self._supervisor.find(request.run, party)
            for part in document_parts(run.plan.model_dump_json().encode()):
                yield part

    async def AnswerRun(self, request: pb.AnswerRunRequest, context: Context) -> pb.Ack:  # noqa: N802
        """Take a party's yes or no to a run."""
        async with self._calls.admitted(context) as party:
            session = await self._supervisor.session(request.run, party)
            reason = legible(request.reason, _LONGEST_REASON)
            await session.answer(party, accepted=request.accept, reason=reason)
        return pb.Ack()

    async def Exchange(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Take a contribution, await the round table, send the reply."""
        async with self._calls.admitted(context, transfer=True) as party:
            address = await first_address(request_iterator, EXCHANGE, context)
            try:
                session = await self._supervisor.session(address.run, party)
                await session.begun(party)
                phase = session.phase(address.phase)
                payload = await receive_contribution(request_iterator, session, party, phase, context)
                reply = await session.exchange(party, phase.name, address.round, payload)
            except (RunFailed, PartyMissing) as error:
                ended = pb.RunEnded(reason=error.message, hint=error.hint)
                yield pb.ReplyPart(ended=ended).SerializeToString()
                return
            # A round may take hours: whom the certificate has left in the meantime gets no reply.
            await self._calls.again(context)
            yield pb.ReplyPart(closed=pb.RoundClosed(done=reply.done)).SerializeToString()
            digest = await asyncio.to_thread(reply.payload.sha256)
            for part in encode(reply.payload, phase.reply, REPLY, sha256=digest):
                yield part

    async def Publish(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> pb.Ack:
        """Take the vectors of a party's offered items after a run that has held."""
        async with self._calls.admitted(context, transfer=True) as party:
            address = await first_address(request_iterator, PUBLISH, context)
            run = await self._supervisor.find(address.run, party)
            if run.state is RunState.FINISHED:
                # The last acknowledgement was lost on its way, and the run has ended since.
                digest = await first_digest(request_iterator, context)
                await asyncio.to_thread(self._library.check_published, run, party, digest)
                return pb.Ack()
            session = await self._supervisor.session(address.run, party)
            session.check_publishing(party)
            keys, payload = await receive_publication(request_iterator, session, party, context)
            await session.publish(party, keys, payload)
        return pb.Ack()

    async def GetPublication(  # type: ignore[override]  # noqa: N802
        self, request: pb.GetPublicationRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send what one member of a finished run published to another."""
        async with self._calls.admitted(context, transfer=True) as party:
            run = await self._supervisor.find(request.run, party)
            publication, payload = await asyncio.to_thread(self._library.publication, run, request.party)
            address = pb.PublicationAddress(run=run.run, party=publication.party)
            yield pb.PublishPart(address=address).SerializeToString()
            for items in _offered_items(publication.items):
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            schema = protocol_for(run.plan.settings.protocol).publication(run.plan)
            digest = await asyncio.to_thread(payload.sha256)
            for part in encode(payload, schema, PUBLISH, sha256=digest):
                yield part


def _offered_items(items: tuple[tuple[str, str], ...]) -> Iterator[list[pb.OfferedItem]]:
    """Yield (key, label) pairs as messages, as many as fit a part; one empty list for none."""
    for start in range(0, max(len(items), 1), _KEYS_A_PART):
        chosen = items[start : start + _KEYS_A_PART]
        yield [pb.OfferedItem(key=key, label=label) for key, label in chosen]
