"""The federation port: decodes what an enrolled party says, asks the right noun, encodes the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version

from feddmf.errors import PartyMissing, RunFailed
from feddmf.ledger import PUBLISHING, items_digest
from feddmf.matching import POINTS, Step
from feddmf.protocols.registry import protocol_for
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import document_parts, encode
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, REPLY
from feddmf.wire.payload_pb2 import DocumentPart
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_coordinator.server.calls import Calls, Context, legible
from feddmf_coordinator.server.identity import shown_certificate
from feddmf_coordinator.server.intake import (
    first_address,
    first_digest,
    receive_contribution,
    receive_offer,
    receive_points,
    receive_publication,
)
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.server.matching import Matchings
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.server.rules import RULES
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.server.witness import Witness, matched, received
from feddmf_coordinator.store.matchings import MatchingId
from feddmf_coordinator.store.runs import RunState

__all__ = ["FederationService"]

log = logging.getLogger(__name__)

_LONGEST_REASON = 500
_KEYS_A_PART = 2_000
# The end of the year 9999, behind which no date can be written.
_LATEST_MS = 253_402_300_799_000


class FederationService(FederationServicer):
    """One method a call of the party; every one of them admits its caller first.

    Messages that carry arrays come and go as bytes, framed by an `Envelope`.
    """

    def __init__(
        self,
        federation: str,
        calls: Calls,
        library: Library,
        supervisor: Supervisor,
        *,
        matchings: Matchings,
        renewals: RenewalDesk,
        witness: Witness,
    ) -> None:
        self._federation = federation
        self._calls = calls
        self._library = library
        self._supervisor = supervisor
        self._matchings = matchings
        self._renewals = renewals
        self._witness = witness

    async def Hello(self, request: pb.HelloRequest, context: Context) -> pb.HelloReply:  # noqa: N802
        """Agree on the wire's version."""
        async with self._calls.admitted(context, "Hello"):
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
        async with self._calls.admitted(context, "Beat") as party:
            reply = pb.BeatReply()
            if request.run:
                patience_s = (context.time_remaining() or 0.0) / 2
                state, reply.reason = await self._supervisor.state_of(
                    request.run, party, patience_s=patience_s
                )
                # A submitted run is one that this party cannot be in yet.
                reply.state = (
                    pb.RunState.Value(state.name) if state is not RunState.SUBMITTED else pb.GATHERING
                )
            reply.catalogue_version = await asyncio.to_thread(self._library.latest_version)
            reply.waiting_run = self._supervisor.waiting_for(party)
        return reply

    async def GetCatalogue(  # noqa: N802
        self, request: pb.GetCatalogueRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the party's own view, behind the proof that it is part of the digest."""
        async with self._calls.admitted(context, "GetCatalogue") as party:
            for part in document_parts(await self._library.view(request.version, party)):
                yield part

    async def AcceptCatalogue(  # noqa: N802
        self, request: pb.AcceptCatalogueRequest, context: Context
    ) -> pb.Ack:
        """Note that the party accepts a digest."""
        async with self._calls.admitted(context, "AcceptCatalogue") as party:
            await asyncio.to_thread(self._library.accept, request.version, party, request.digest)
        log.info("%s accepts catalogue version %d", party, request.version)
        return pb.Ack()

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
                    for items in _offered_items(offer.items):
                        yield pb.OfferPart(
                            catalogue_version=offer.catalogue_version, owner=offer.party, items=items
                        )

    async def GetPlan(  # noqa: N802
        self, request: pb.GetPlanRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the plan of a run to one of its parties."""
        async with self._calls.admitted(context, "GetPlan") as party:
            run = await self._supervisor.find(request.run, party, RULES["GetPlan"].states)
            for part in document_parts(run.plan.model_dump_json().encode()):
                yield part

    async def AnswerRun(self, request: pb.AnswerRunRequest, context: Context) -> pb.Ack:  # noqa: N802
        """Take a party's yes or no to a run."""
        async with self._calls.admitted(context, "AnswerRun") as party:
            session = await self._supervisor.session(request.run, party, RULES["AnswerRun"].states)
            reason = legible(request.reason, _LONGEST_REASON)
            await session.answer(party, accepted=request.accept, reason=reason)
        return pb.Ack()

    async def Exchange(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Take a contribution, await the round table, send the reply."""
        async with self._calls.admitted(context, "Exchange") as party:
            address = await first_address(request_iterator, EXCHANGE, context)
            told = None
            try:
                session = await self._supervisor.session(address.run, party, RULES["Exchange"].states)
                await session.begun(party)
                phase = session.phase(address.phase)
                told = await self._witness.hear(address.ledger, party, context)
                payload = await receive_contribution(request_iterator, session, party, phase, context)
                what = received(address.run, phase.name, address.round, phase.contribution, payload)
                word = self._witness.begin(told, what)
                reply = await session.exchange(party, phase.name, address.round, payload)
            except (RunFailed, PartyMissing) as error:
                last = await self._witness.last_word(told, address.ledger, party, context)
                ended = pb.RunEnded(reason=error.message, hint=error.hint, countersignature=last)
                yield pb.ReplyPart(ended=ended).SerializeToString()
                return
            hashing = asyncio.create_task(asyncio.to_thread(reply.payload.sha256))
            # A round may take hours: whom the certificate has left in the meantime gets no reply.
            await self._calls.again(context)
            closed = pb.RoundClosed(done=reply.done, countersignature=await word)
            yield pb.ReplyPart(closed=closed).SerializeToString()
            digest = await hashing
            for part in encode(reply.payload, phase.reply, REPLY, sha256=digest):
                yield part

    async def Publish(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> pb.Ack:
        """Take the vectors of a party's offered items after a run that has held."""
        async with self._calls.admitted(context, "Publish") as party:
            address = await first_address(request_iterator, PUBLISH, context)
            run = await self._supervisor.find(address.run, party, RULES["Publish"].states)
            if run.state is RunState.FINISHED:
                # The last acknowledgement was lost on its way, and the run has ended since.
                digest = await first_digest(request_iterator, context)
                told = await self._witness.hear(address.ledger, party, context)
                await asyncio.to_thread(self._library.check_published, run, party, digest)
                return pb.Ack(countersignature=await self._witness.countersign(told))
            session = await self._supervisor.session(address.run, party, RULES["Publish"].states)
            session.check_publishing(party)
            told = await self._witness.hear(address.ledger, party, context)
            keys, payload = await receive_publication(request_iterator, session, party, context)
            what = received(address.run, PUBLISHING, 0, session.publication_schema, payload)
            # First the receipt: nobody is handed what no ledger says was received.
            word = await self._witness.countersign(told, {**what, "items": items_digest(keys)})
            expires_ms = min(address.expires_ms, _LATEST_MS)
            await session.publish(party, keys, payload, expires_ms=expires_ms)
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
            for items in _offered_items(publication.items):
                yield pb.PublishPart(items=pb.OfferedItems(items=items)).SerializeToString()
            schema = protocol_for(run.plan.settings.protocol).publication(run.plan)
            digest = await asyncio.to_thread(payload.sha256)
            for part in encode(payload, schema, PUBLISH, sha256=digest):
                yield part

    async def Withdraw(self, request: pb.WithdrawRequest, context: Context) -> pb.Ack:  # noqa: N802
        """Take back what the caller published after a run that has finished."""
        async with self._calls.admitted(context, "Withdraw") as party:
            run = await self._supervisor.find(request.run, party, RULES["Withdraw"].states)
            told = await self._witness.hear(request.ledger, party, context)
            keys, reason = tuple(dict.fromkeys(request.keys)), legible(request.reason, _LONGEST_REASON)
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
                for start in range(0, max(len(each.keys), 1), _KEYS_A_PART):
                    yield pb.Withdrawal(
                        run=each.run,
                        party=each.party,
                        keys=each.keys[start : start + _KEYS_A_PART],
                        reason=each.reason,
                        at_ms=each.at_ms,
                    )

    async def Match(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Take one step of a matching, wait for the peer's, send it; or hear that the peer's is safe."""
        async with self._calls.admitted(context, "Match") as party:
            address = await first_address(request_iterator, MATCH, context)
            matching = MatchingId(party, address.peer, address.catalogue_version)
            if address.step == Step.TAKEN:
                await self._matchings.taken(matching)
                return
            told = await self._witness.hear(address.ledger, party, context)
            sent = await receive_points(request_iterator, party, context)
            word = self._witness.begin(told, matched(matching, address.step, sent))
            try:
                payload = await self._matchings.exchange(
                    matching, address.step, sent, wait_s=address.wait_ms / 1_000
                )
            except PartyMissing as error:
                ended = pb.RunEnded(reason=error.message, hint=error.hint)
                yield pb.MatchPart(countersignature=await word).SerializeToString()
                yield pb.MatchPart(ended=ended).SerializeToString()
                return
            await self._calls.again(context)
            yield pb.MatchPart(countersignature=await word).SerializeToString()
            for part in encode(payload, POINTS, MATCH):
                yield part

    async def Renew(self, request: pb.RenewRequest, context: Context) -> pb.RenewReply:  # noqa: N802
        """Take in a request for the caller's next certificate, and hand it out once it is signed."""
        async with self._calls.admitted(context, "Renew"):
            certificate = await asyncio.to_thread(
                self._renewals.answer, shown_certificate(context), request.request_der
            )
        return pb.RenewReply(certificate_der=certificate or b"")


def _offered_items(items: tuple[tuple[str, str], ...]) -> Iterator[list[pb.OfferedItem]]:
    """Yield (key, label) pairs as messages, as many as fit a part; one empty list for none."""
    for start in range(0, max(len(items), 1), _KEYS_A_PART):
        chosen = items[start : start + _KEYS_A_PART]
        yield [pb.OfferedItem(key=key, label=label) for key, label in chosen]
