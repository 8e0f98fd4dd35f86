"""A table over this project's wire: mutual TLS, frames, digest and checks, between two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

# Before grpc: it settles which TLS this process speaks.
import feddmf.wire  # noqa: F401  # isort: skip
import grpc
import numpy as np
import numpy.typing as npt

from feddmf.identity import encode_certificate, encode_key, make_key
from feddmf.payload import NOTHING, ArraySpec, Axis, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES, PayloadDecoder, encode
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf.wire.framing import EXCHANGE, REPLY, add_service, open_stub
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf_benchmarks.beside import Beside, answer
from feddmf_coordinator.authority import Authority

__all__ = ["Ends", "OurClient"]

Table = npt.NDArray[np.float32]

_LIMIT = (("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),)
_TAKE = "take"


@dataclass(frozen=True)
class Ends:
    """Keys and certificates of both ends, as PEM, and what they exchange."""

    root: bytes
    server: tuple[bytes, bytes]
    party: tuple[bytes, bytes]
    schema: PayloadSchema
    rows: int

    @classmethod
    def make(cls, rows: int, columns: int, encoding: Encoding) -> Ends:
        """Return ends for tables [rows, columns]."""
        now, keys = datetime.now(UTC), (make_key(), make_key())
        authority = Authority.make("bench", days=2, now=now)
        server = authority.issue_server(keys[0].public_key(), "bench", hosts=["localhost"], days=1, now=now)
        party = authority.issue_party(keys[1].public_key(), "bench", "acme", days=1, now=now)
        spec = ArraySpec("v", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, columns, encoding=encoding)
        return cls(
            encode_certificate(authority.certificate),
            (encode_key(keys[0]), encode_certificate(server)),
            (encode_key(keys[1]), encode_certificate(party)),
            PayloadSchema((spec,)),
            rows,
        )

    def decoder(self) -> PayloadDecoder:
        """Return a decoder of one table."""
        return PayloadDecoder(self.schema, {Axis.MATCHED_ITEMS: self.rows})


class OurClient:
    """Sends a table to a server of its own and takes what comes back, hashed and checked at both ends."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self.server = Beside(_serve, ends)
        self._loop = asyncio.new_event_loop()
        self._stub = self._loop.run_until_complete(self._open())

    def send(self, table: Table, *, back: bool) -> Table:
        """Return the table that the server sends `back`, else one of no rows."""
        return self._loop.run_until_complete(self._send(table, back=back))

    async def _open(self) -> Any:
        credentials = grpc.ssl_channel_credentials(self._ends.root, *self._ends.party)
        address = f"localhost:{self.server.port}"
        return open_stub(grpc.aio.secure_channel(address, credentials, options=_LIMIT))

    async def _send(self, table: Table, *, back: bool) -> Table:
        payload = Payload({"v": table})
        self._ends.schema.check(payload, {Axis.MATCHED_ITEMS: self._ends.rows})
        decoder = self._ends.decoder() if back else PayloadDecoder(NOTHING, {})
        async for raw in self._stub.Exchange(self._parts(payload, back=back)):
            decoder.feed(REPLY.open(raw))
        found = await asyncio.to_thread(decoder.payload)
        return found["v"] if back else table[:0]

    async def _parts(self, payload: Payload, *, back: bool) -> AsyncIterator[bytes]:
        address = pb.ExchangeAddress(phase="" if back else _TAKE)
        yield pb.ExchangePart(address=address).SerializeToString()
        for part in encode(payload, self._ends.schema, EXCHANGE):
            yield part


class _Service(FederationServicer):
    """Sends back what it was sent, or nothing."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    async def Exchange(  # type: ignore[override]  # noqa: N802
        self,
        request_iterator: AsyncIterator[bytes],
        context: Any,  # noqa: ARG002  (grpc's signature)
    ) -> AsyncIterator[bytes]:
        """Take a table in; answer."""
        decoder, back = self._ends.decoder(), True
        async for raw in request_iterator:
            part = EXCHANGE.open(raw)
            if isinstance(part, memoryview | PayloadHeader):
                decoder.feed(part)
            else:
                back = part.address.phase != _TAKE
        payload = await asyncio.to_thread(decoder.payload)
        if not back:
            payload, schema = Payload(), NOTHING
        else:
            schema = self._ends.schema
        digest = await asyncio.to_thread(payload.sha256)
        for part in encode(payload, schema, REPLY, sha256=digest):
            yield part


def _serve(pipe: Connection, ends: Ends) -> None:
    asyncio.run(_serving(pipe, ends))


async def _serving(pipe: Connection, ends: Ends) -> None:
    server = grpc.aio.server(options=_LIMIT)
    add_service(_Service(ends), server)  # type: ignore[abstract]  # nothing else is called
    credentials = grpc.ssl_server_credentials([ends.server], ends.root, require_client_auth=True)
    port = server.add_secure_port("localhost:0", credentials)
    await server.start()
    await asyncio.to_thread(answer, pipe, port)
    await server.stop(None)
