"""The federation port: decodes what an enrolled party says, asks the right noun, encodes the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from importlib.metadata import version

from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import document_parts
from feddmf.wire.payload_pb2 import DocumentPart
from feddmf.wire.version import agreed
from feddmf_coordinator.server.calls import Context, legible
from feddmf_coordinator.server.exchanges import Exchanges
from feddmf_coordinator.server.identity import shown_certificate
from feddmf_coordinator.server.matches import Matches
from feddmf_coordinator.server.offers import Offers
from feddmf_coordinator.server.publishing import Publishing
from feddmf_coordinator.server.rules import RULES
from feddmf_coordinator.server.service import LONGEST_REASON
from feddmf_coordinator.store.runs import RunState

__all__ = ["FederationService"]

log = logging.getLogger(__name__)


class FederationService(Exchanges, Publishing, Offers, Matches):
    """All methods of the port; here those that carry no arrays and no offers."""

    async def Hello(self, request: pb.HelloRequest, context: Context) -> pb.HelloReply:  # noqa: N802
        """Agree on the wire's version."""
        async with self._calls.admitted(context, "Hello") as party:
            self._calls.greeted(party, request.software)
            spoken = agreed(request.protocol_version, request.newest_version)
        return pb.HelloReply(
            protocol_version=spoken,
            software=version("feddmf"),
            federation=self._federation,
            time_ms=time.time_ns() // 1_000_000,
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
            reason = legible(request.reason, LONGEST_REASON)
            await session.answer(party, accepted=request.accept, reason=reason)
        return pb.Ack()

    async def Renew(self, request: pb.RenewRequest, context: Context) -> pb.RenewReply:  # noqa: N802
        """Take in a request for the caller's next certificate, and hand it out once it is signed."""
        async with self._calls.admitted(context, "Renew"):
            certificate = await asyncio.to_thread(
                self._renewals.answer, shown_certificate(context), request.request_der
            )
        return pb.RenewReply(certificate_der=certificate or b"")
