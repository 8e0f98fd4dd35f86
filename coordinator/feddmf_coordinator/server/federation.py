"""The federation port: decodes what an enrolled party says, asks the right noun, encodes the answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NoReturn

import grpc

from feddmf.catalogue.view import encode_view
from feddmf.errors import FedDMFError, LocalResourceError, Misconduct, PayloadError, RunFailed
from feddmf.payload import Axis, Payload
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder, document_parts, encode
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf.wire.payload_pb2 import DocumentPart
from feddmf.wire.version import PROTOCOL_VERSION
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.presence import Presence
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.store.catalogues import accept, find_catalogue, latest_version
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import VectorShelf, list_publications
from feddmf_coordinator.store.runs import RunState, find_run

__all__ = ["FederationService"]

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
_LONGEST_REASON = 500
_KEYS_A_PART = 2_000


class FederationService(FederationServicer):
    """One method a call of the party; every one of them admits its caller first."""

    def __init__(
        self,
        federation: str,
        doorkeeper: Doorkeeper,
        database: Database,
        shelf: VectorShelf,
        supervisor: Supervisor,
        presence: Presence,
    ) -> None:
        self._federation = federation
        self._doorkeeper = doorkeeper
        self._database = database
        self._shelf = shelf
        self._supervisor = supervisor
        self._presence = presence

    async def Hello(self, request: pb.HelloRequest, context: Context) -> pb.HelloReply:  # noqa: N802
        """Agree on the wire's version."""
        await self._admit(context)
        if request.protocol_version != PROTOCOL_VERSION:
            older = "party" if request.protocol_version < PROTOCOL_VERSION else "coordinator"
            await _abort(
                context,
                RunFailed(
                    f"the party speaks wire version {request.protocol_version}, "
                    f"the coordinator {PROTOCOL_VERSION}",
                    hint=f"upgrade the {older}",
                ),
            )
        return pb.HelloReply(
            protocol_version=PROTOCOL_VERSION, software=version("feddmf"), federation=self._federation
        )

    async def Beat(self, request: pb.BeatRequest, context: Context) -> pb.BeatReply:  # noqa: N802
        """Take a sign of life; say what waits for the party and how its run stands."""
        party = await self._admit(context)
        try:
            with self._database.read() as connection:
                newest = latest_version(connection)
            reply = pb.BeatReply(catalogue_version=newest, waiting_run=self._supervisor.waiting_for(party))
            if request.run:
                state, reply.reason = self._supervisor.state_of(request.run, party)
                # A submitted run is one that this party cannot be in yet.
                reply.state = (
                    pb.RunState.Value(state.name) if state is not RunState.SUBMITTED else pb.GATHERING
                )
        except FedDMFError as error:
            await _abort(context, error)
        return reply

    async def GetCatalogue(  # noqa: N802
        self, request: pb.GetCatalogueRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the party's own view, behind the proof that it is part of the digest."""
        party = await self._admit(context)
        try:
            with self._database.read() as connection:
                catalogue = find_catalogue(connection, request.version)
            proof = catalogue.proof(party).model_dump_json().encode()
            document = proof + b"\n" + encode_view(catalogue.view(party))
        except FedDMFError as error:
            await _abort(context, error)
        for part in document_parts(document):
            yield part

    async def AcceptCatalogue(  # noqa: N802
        self, request: pb.AcceptCatalogueRequest, context: Context
    ) -> pb.Ack:
        """Note that the party accepts a digest."""
        party = await self._admit(context)
        try:
            with self._database.begin() as connection:
                accept(connection, request.version, party, request.digest, now=datetime.now(UTC))
        except FedDMFError as error:
            await _abort(context, error)
        log.info("%s accepts catalogue version %d", party, request.version)
        return pb.Ack()

    async def GetPlan(  # noqa: N802
        self, request: pb.GetPlanRequest, context: Context
    ) -> AsyncIterator[DocumentPart]:
        """Send the plan of a run to one of its parties."""
        party = await self._admit(context)
        try:
            plan = self._plan(request.run, party)
        except FedDMFError as error:
            await _abort(context, error)
        for part in document_parts(plan.model_dump_json().encode()):
            yield part

    async def AnswerRun(self, request: pb.AnswerRunRequest, context: Context) -> pb.Ack:  # noqa: N802
        """Take a party's yes or no to a run."""
        party = await self._admit(context)
        try:
            session = self._supervisor.session(request.run, party)
            session.answer(party, accepted=request.accept, reason=request.reason[:_LONGEST_REASON])
        except FedDMFError as error:
            await _abort(context, error)
        return pb.Ack()

    async def Exchange(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.ExchangePart], context: Context
    ) -> AsyncIterator[pb.ReplyPart]:
        """Take a contribution, await the round table, send the reply."""
        party = await self._admit(context)
        first = await anext(aiter(request_iterator), pb.ExchangePart())
        address = first.address
        try:
            session = self._supervisor.session(address.run, party)
            table = session.table_for(party)
            phase = table.phase(address.phase)
            decoder = PayloadDecoder(phase.contribution, session.sizes(party))
            payload = await _receive(request_iterator, decoder, session, party, context)
            reply = await table.exchange(party, address.phase, address.round, payload)
        except FedDMFError as error:
            yield pb.ReplyPart(ended=pb.RunEnded(reason=error.message, hint=error.hint))
            return
        self._presence.touch(party)
        yield pb.ReplyPart(closed=pb.RoundClosed(done=reply.done))
        for part in encode(reply.payload, phase.reply):
            yield pb.ReplyPart(payload=part)

    async def Publish(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.PublishPart], context: Context
    ) -> pb.Ack:
        """Take the vectors of a party's offered items after a run that has held."""
        party = await self._admit(context)
        keys: list[str] = []
        decoder: PayloadDecoder | None = None
        session: Session | None = None
        try:
            async for part in request_iterator:
                kind = part.WhichOneof("part")
                if kind == "address":
                    session = self._supervisor.session(part.address.run, party)
                elif session is None:
                    raise PayloadError("data without an address", hint="both ends must run the same version")  # noqa: TRY301
                elif kind == "items":
                    keys.extend(item.key for item in part.items.items)
                    session.check_offer(party, tuple(keys))
                else:
                    decoder = decoder or PayloadDecoder(
                        session.publication_schema, {Axis.OFFERED_ITEMS: len(keys)}
                    )
                    decoder.feed(part.payload)
            if session is None or decoder is None:
                raise PayloadError("an empty publication", hint="both ends must run the same version")  # noqa: TRY301
            await session.publish(party, tuple(keys), decoder.payload())
        except FedDMFError as error:
            log.warning("refused a publication of %s: %s", party, error.message)
            await _abort(context, error)
        return pb.Ack()

    async def GetPublication(  # noqa: N802
        self, request: pb.GetPublicationRequest, context: Context
    ) -> AsyncIterator[pb.PublishPart]:
        """Send what one member of a finished run published to another."""
        party = await self._admit(context)
        try:
            plan = self._plan(request.run, party)
            with self._database.read() as connection:
                found = {each.party: each for each in list_publications(connection, request.run)}
                state = find_run(connection, request.run).state
            if request.party not in found or state is not RunState.FINISHED:
                raise RunFailed(f"{request.party[:40]} has published nothing for run {request.run}")  # noqa: TRY301
            publication = found[request.party]
            payload = self._shelf.get(publication.sha256)
        except FedDMFError as error:
            await _abort(context, error)
        yield pb.PublishPart(address=pb.PublicationAddress(run=plan.run, party=request.party))
        items = [pb.OfferedItem(key=key, label=label) for key, label in publication.items]
        for start in range(0, len(items), _KEYS_A_PART):
            yield pb.PublishPart(items=pb.OfferedItems(items=items[start : start + _KEYS_A_PART]))
        schema = protocol_for(plan.settings.protocol).publication(plan)
        for part in encode(payload, schema):
            yield pb.PublishPart(payload=part)

    async def _admit(self, context: Context) -> str:
        party = await self._doorkeeper.admit(context)
        self._presence.touch(party)
        return party

    def _plan(self, run: str, party: str) -> Plan:
        with self._database.read() as connection:
            plan = find_run(connection, run).plan
        if party not in plan.roster:
            raise RunFailed(f"there is no run {run!r}", hint="list runs: feddmf run list")
        return plan


async def _receive(
    parts: AsyncIterator[pb.ExchangePart],
    decoder: PayloadDecoder,
    session: Session,
    party: str,
    context: Context,
) -> Payload:
    """Feed the decoder; what was not declared ends the run and names its sender."""
    try:
        async for part in parts:
            decoder.feed(part.payload)
        if decoder.complete:
            return decoder.payload()
    except PayloadError as error:
        blame = Misconduct(party, f"{party} sent {error.message}", hint=error.hint)
        session.blame(blame)
        raise blame from error
    # A torn connection is nobody's fault: the party sends again.
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the contribution is cut short; send it again")


async def _abort(context: Context, error: FedDMFError) -> NoReturn:
    """End the call with what is wrong and, behind a line break, what to do."""
    code = (
        grpc.StatusCode.UNAVAILABLE
        if isinstance(error, LocalResourceError)
        else grpc.StatusCode.FAILED_PRECONDITION
    )
    await context.abort(code, f"{error.message}\n{error.hint}")
    raise AssertionError("abort always raises")
