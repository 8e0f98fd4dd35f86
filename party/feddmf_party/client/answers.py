"""What the wire's answers mean to the party: try again, refused, failed; with what its own files explain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from feddmf.errors import ConnectError, FedDMFError, InputError, Refused, RunFailed
from feddmf.wire.pace import Pace
from feddmf_party.identity import diagnose, explain_refusal

__all__ = ["Away", "OtherFederation", "OutOfStep", "Stranger", "explained", "paced", "streamed"]

# The other end, or the way to it, is not there for now: worth another try.
_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,  # the server ended under the call
    grpc.StatusCode.INTERNAL,  # the server ended the call while we were still sending
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # the server has too much to do
}
_REFUSING = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


class Away(Exception):  # noqa: N818  (a signal to try again)
    """The coordinator did not answer. late: it had all the time of the call; elsewhere: it is not here."""

    def __init__(self, why: str, *, late: bool = False, elsewhere: bool = False) -> None:
        super().__init__(why)
        self.late = late
        self.elsewhere = elsewhere


class OutOfStep(InputError):  # noqa: N818  (reads as what is wrong)
    """The coordinator was told another end of this party's ledger before."""


class OtherFederation(InputError):  # noqa: N818  (reads as what is wrong)
    """What answers has our root's certificate, and serves another federation."""


class Stranger(Refused):
    """What answers has no certificate from this party's root."""


@asynccontextmanager
async def streamed(call: Any) -> AsyncIterator[Any]:
    """Yield a streaming call, and end it with the block: an answer that was not read holds it open."""
    try:
        yield call
    finally:
        call.cancel()


@asynccontextmanager
async def paced(call: Any, limit_s: float) -> AsyncIterator[AsyncIterator[Any]]:
    """Yield what comes over a streaming call, within `limit_s` and what the slowest line takes for it.

    That is for calls of which nobody knows beforehand how much will come. Raises Away where it is too late.
    """
    async with streamed(call) as stream:
        try:
            async with Pace(limit_s) as pace:
                yield _counted(stream, pace)
        except TimeoutError as error:
            raise Away("too little came in too long", late=True) from error


async def _counted(stream: Any, pace: Pace) -> AsyncIterator[Any]:
    async for part in stream:
        pace.took(len(part) if isinstance(part, bytes) else part.ByteSize())
        yield part


@asynccontextmanager
async def explained(folder: Path, address: str) -> AsyncIterator[None]:
    """Map the wire's errors to ours, most specific first."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _meaning(error, folder, address) from error


def _meaning(error: grpc.aio.AioRpcError, folder: Path, address: str) -> FedDMFError | Away:
    code, details = error.code(), error.details() or ""
    message, _, hint = details.partition("\n")
    if code is grpc.StatusCode.ABORTED:
        return RunFailed(message, hint=hint)
    if code is grpc.StatusCode.OUT_OF_RANGE:
        return OutOfStep(f"the coordinator says: {message}", hint=hint)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return InputError(f"the coordinator says: {message}", hint=hint)
    if code in _REFUSING or code in _PASSING:
        why = message or code.name.lower()
        return _refusal(code, why, folder, address) or Away(
            _in_short(why), late=code is grpc.StatusCode.DEADLINE_EXCEEDED
        )
    return ConnectError(
        f"the coordinator at {address} answers {code.name.lower()}: {message}",
        hint="ask the operator, whose log says more",
    )


def _in_short(message: str) -> str:
    """Leave out of what gRPC says which of an address's numbers it tried last."""
    return message.rpartition(": ")[2] if message.startswith("failed to connect") else message


def _refusal(code: grpc.StatusCode, why: str, folder: Path, address: str) -> Refused | None:
    """Return what to raise where trying again is no use: one end does not accept the other."""
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return Stranger(
            f"what answers at {address} has no certificate from the root in this party's identity",
            hint="check the address with the operator; if it is right, enrol again, "
            "or somebody stands in between",
        )
    # A handshake that fails looks like no answer; our own files may say why.
    return explain_refusal(folder, address) if code in _REFUSING or diagnose(folder) else None
