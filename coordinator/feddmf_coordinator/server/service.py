"""What the methods of the federation port have in common: whom they ask."""

from __future__ import annotations

from typing import Any

from feddmf.payload import Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import RESUMED_CHUNK_BYTES
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf_coordinator.server.calls import Calls
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.server.matching import Matchings
from feddmf_coordinator.server.partials import Partials
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.server.witness import Witness

__all__ = ["KEYS_A_PART", "LONGEST_REASON", "Service", "attempt"]

LONGEST_REASON = 500
KEYS_A_PART = 2_000


def attempt(resumed: pb.Resumption | None, payload: Payload, schema: PayloadSchema) -> dict[str, Any]:
    """Return how to encode an answer: from its first byte on, or behind what an earlier stream has brought.

    resumed: what the caller holds of it, None in a first attempt.
    """
    sha256 = payload.sha256()
    if resumed is None:
        return {"sha256": sha256}
    fits = resumed.sha256 == sha256 and resumed.held <= schema.sent_bytes(payload)
    return {
        "sha256": sha256,
        "start": resumed.held if fits else 0,
        "chunk_bytes": RESUMED_CHUNK_BYTES,
    }


class Service(FederationServicer):
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
        partials: Partials | None = None,
    ) -> None:
        self._federation = federation
        self._calls = calls
        self._library = library
        self._supervisor = supervisor
        self._matchings = matchings
        self._renewals = renewals
        self._witness = witness
        self._partials = partials or Partials()
