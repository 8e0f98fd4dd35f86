"""The enrolment call: ask for a certificate, with the invitation's root as the only trust."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import grpc

from feddmf.errors import ConnectError, Refused, TimedOut
from feddmf.invitation import Invitation
from feddmf.wire.enrolment_pb2 import EnrollReply, EnrollRequest
from feddmf.wire.enrolment_pb2_grpc import EnrolmentStub

__all__ = ["EnrolmentClient"]

CALL_S = 10.0
_OPTIONS = (
    ("grpc.max_receive_message_length", 16 * 1024),
    # The port opens and closes; a long back-off would miss it.
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class EnrolmentClient:
    """An async context manager around one channel to the enrolment port; every call has a deadline."""

    def __init__(self, invitation: Invitation) -> None:
        self._address = invitation.enrolment_address
        self._token = invitation.token
        credentials = grpc.ssl_channel_credentials(invitation.root_certificate.encode())
        self._channel = grpc.aio.secure_channel(self._address, credentials, options=_OPTIONS)
        self._stub = EnrolmentStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._channel.close()

    async def ask(self, request_der: bytes) -> bytes | None:
        """Return the certificate, DER, or None while the operator has not approved the request.

        Raises Refused, ConnectError naming the address, or TimedOut.
        """
        reply = await self._call(EnrollRequest(token=self._token, request_der=request_der))
        return reply.certificate_der if reply.state == EnrollReply.ISSUED else None

    async def collected(self, request_der: bytes) -> None:
        """Tell the coordinator that the certificate is safe here; raises as `ask` does."""
        await self._call(EnrollRequest(token=self._token, request_der=request_der, collected=True))

    async def _call(self, request: EnrollRequest) -> EnrollReply:
        try:
            async with asyncio.timeout(CALL_S + 1):
                return await self._stub.Enroll(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        except TimeoutError as error:
            raise self._late() from error

    def _explained(self, error: grpc.aio.AioRpcError) -> ConnectError | TimedOut:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return Refused(f"the coordinator at {self._address} refused the enrolment")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._late()
        if "CERTIFICATE_VERIFY_FAILED" in details:
            return Refused(
                f"what answers at {self._address} has no certificate from the invitation's root",
                hint="check the address with the operator; if it is right, somebody stands in between",
            )
        return ConnectError(
            f"cannot reach the coordinator's enrolment port at {self._address}",
            hint="check that the address can be reached from here and that the coordinator runs; "
            "the port is open only while an invitation or a request is outstanding",
        )

    def _late(self) -> TimedOut:
        return TimedOut(
            f"the coordinator at {self._address} did not answer within {CALL_S:.0f} s",
            hint="run the command again; it goes on where it was",
        )
