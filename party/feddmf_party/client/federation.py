"""The party's only way out: the federation channel. Releases are sent only as the gate cleared them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import join_document
from feddmf_party.client.answers import paced
from feddmf_party.client.matching import Matchings
from feddmf_party.client.offers import Offers
from feddmf_party.client.publications import Publications
from feddmf_party.client.rounds import Rounds

__all__ = ["FederationClient"]

_LARGEST_DOCUMENT = 1 << 30


class FederationClient(Rounds, Publications, Offers, Matchings):
    """All that a party says to the coordinator, over one connection; an async context manager."""

    async def beat(self, run: str) -> pb.BeatReply:
        """Give a sign of life; return what the coordinator wants next."""
        request = pb.BeatRequest(run=run)
        answer: pb.BeatReply = await self._call(
            lambda: self._stub.Beat(request, timeout=self._settings.call_s)
        )
        return answer

    async def catalogue(self, number: int = 0) -> bytes:
        """Fetch the party's catalogue document, the latest for 0."""
        request = pb.GetCatalogueRequest(version=number)
        return await self._document(lambda: self._stub.GetCatalogue(request))

    async def accept_catalogue(self, number: int, digest: str) -> None:
        """Tell the coordinator which digest this party accepts."""
        request = pb.AcceptCatalogueRequest(version=number, digest=digest)
        await self._call(lambda: self._stub.AcceptCatalogue(request, timeout=self._settings.call_s))

    async def renew(self, request_der: bytes) -> bytes | None:
        """Ask for the certificate, DER, that follows the one in use; None while it is not signed."""
        request = pb.RenewRequest(request_der=request_der)
        reply = await self._call(lambda: self._stub.Renew(request, timeout=self._settings.call_s))
        return bytes(reply.certificate_der) or None

    async def plan(self, run: str) -> bytes:
        """Fetch the plan of a run."""
        request = pb.GetPlanRequest(run=run)
        return await self._document(lambda: self._stub.GetPlan(request))

    async def answer_run(self, run: str, *, accept: bool, reason: str = "") -> None:
        """Join or decline a run."""
        request = pb.AnswerRunRequest(run=run, accept=accept, reason=reason)
        await self._call(lambda: self._stub.AnswerRun(request, timeout=self._settings.call_s))

    async def _document(self, open_stream: Callable[[], Any]) -> bytes:
        async def once() -> bytes:
            document = bytearray()
            async with paced(open_stream(), self._settings.call_s) as stream:
                async for part in stream:
                    join_document(document, part, limit=_LARGEST_DOCUMENT)
            return bytes(document)

        return await self._call(once)
