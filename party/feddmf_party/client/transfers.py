"""Arrays on their way up and down, in as many attempts as it takes; none brings again what has arrived."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from feddmf.payload import Payload, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import CHUNK_BYTES, RESUMED_CHUNK_BYTES, PayloadDecoder, encode
from feddmf.wire.framing import Envelope
from feddmf_party.client.connection import Connection
from feddmf_party.egress import Cleared, ClearedPoints

__all__ = ["Transfers", "Upload", "resumption"]


class Upload:
    """Cleared arrays on their way up.

    sent: how many of the first bytes the transport has taken in any attempt; held: how many of them the
    coordinator says that it holds, believed of what was sent alone; arrived: the most that it ever held;
    begun: whether there was an attempt.
    """

    def __init__(self, cleared: Cleared | ClearedPoints, schema: PayloadSchema, envelope: Envelope) -> None:
        self._payload: Payload = cleared.payload
        self.sha256 = cleared.sha256 or cleared.payload.sha256()
        self._schema = schema
        self._envelope = envelope
        self.sent = self.held = self.arrived = 0
        self.begun = False

    @property
    def nbytes(self) -> int:
        """Bytes that travel in all, behind the header."""
        return self._schema.sent_bytes(self._payload)

    def parts(self) -> Iterator[bytes]:
        """Yield the messages of an attempt: the header, then what the coordinator does not hold."""
        chunk_bytes = RESUMED_CHUNK_BYTES if self.begun else CHUNK_BYTES
        self.begun, at = True, self.held
        for raw in encode(
            self._payload,
            self._schema,
            self._envelope,
            sha256=self.sha256,
            start=self.held,
            chunk_bytes=chunk_bytes,
        ):
            part = self._envelope.open(raw)
            if isinstance(part, memoryview):
                at += len(part)
                self.sent = max(self.sent, at)
            yield raw

    def go_on(self, held: int) -> None:
        """Begin the next attempt behind the first `held` bytes; with the first where fewer were sent."""
        self.held = held if held <= self.sent else 0
        self.arrived = max(self.arrived, self.held)


def resumption(decoder: PayloadDecoder | None) -> pb.Resumption:
    """Return what to say of an answer that was cut, which another stream is to go on with."""
    if decoder is None:
        return pb.Resumption()
    decoder.cut()
    return pb.Resumption(held=decoder.arrived, sha256=decoder.sha256)


class Transfers(Connection):
    """A connection that knows how to go on with what was cut."""

    async def _go_on(self, upload: Upload, run: str, phase: str, number: int) -> None:
        """Ask how much of an upload has arrived, where an attempt was cut; a first one costs nothing."""
        if not upload.sent:
            return
        request = pb.HeldRequest(run=run, phase=phase, round=number, sha256=upload.sha256)
        try:
            reply = await self._stub.GetHeld(request, timeout=self._settings.call_s)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            # A coordinator of version 2 holds nothing.
            reply = pb.HeldReply()
        upload.go_on(reply.held)
