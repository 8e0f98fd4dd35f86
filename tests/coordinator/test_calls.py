from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from feddmf.errors import InputError, LocalResourceError, Refused
from feddmf_coordinator import enrolling
from feddmf_coordinator.server.calls import Calls, Context
from feddmf_coordinator.server.credentials import federation_credentials
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.store.certificates import CertificateRecord
from support.authority import EnrolledFederation, make_federation
from support.enrolment import until
from support.whoami import opened, party_pair

_PART = b"\0" * 1_000_000


@pytest.fixture
def federation(tmp_path: Path) -> EnrolledFederation:
    """A federation of two parties."""
    return make_federation(tmp_path, ("acme", "bolt"))


class _Service:
    """Methods that end only when they are ended."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.ended: list[str] = []
        self.sent = 0

    async def wait(self, _: bytes, context: Context) -> bytes:
        """Wait for ever."""
        async with self.calls.admitted(context, "Beat") as party:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.append(party)
        return b""

    async def pour(self, _: bytes, context: Context) -> AsyncIterator[bytes]:
        """Send without end."""
        async with self.calls.admitted(context, "GetPlan") as party:
            try:
                while True:
                    yield _PART
                    self.sent += 1
            finally:
                self.ended.append(party)

    async def refuse(self, _: bytes, context: Context) -> bytes:
        """Refuse what an enrolled party asks."""
        async with self.calls.admitted(context, "Renew"):
            raise Refused("a reason for the operator")

    async def lose(self, _: bytes, context: Context) -> bytes:
        """Find, on the way to a refusal, that the call has been ended meanwhile."""
        async with self.calls.admitted(context, "Beat"):
            with contextlib.suppress(grpc.aio.AbortError):
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "gone")
            raise Refused("a reason for the operator")


@contextlib.asynccontextmanager
async def _served(federation: EnrolledFederation) -> AsyncIterator[tuple[_Service, Calls, dict[str, Any]]]:
    """Serve these methods, with nobody watching; yield channels of both parties."""
    with federation.open_database() as database:
        service = _Service(calls := Calls(Doorkeeper("testfed", database)))
        handlers = {
            "Wait": grpc.unary_unary_rpc_method_handler(service.wait),
            "Pour": grpc.unary_stream_rpc_method_handler(service.pour),
            "Refuse": grpc.unary_unary_rpc_method_handler(service.refuse),
            "Lose": grpc.unary_unary_rpc_method_handler(service.lose),
        }
        server = grpc.aio.server(handlers=[grpc.method_handlers_generic_handler("support.Calls", handlers)])
        port = server.add_secure_port("127.0.0.1:0", federation_credentials(federation.folder))
        await server.start()
        root = federation.folder.root_certificate.read_bytes()
        try:
            async with contextlib.AsyncExitStack() as stack:
                channels = {
                    party: await stack.enter_async_context(opened(port, root, party_pair(federation, party)))
                    for party in ("acme", "bolt")
                }
                yield service, calls, channels
        finally:
            await server.stop(None)


@contextlib.asynccontextmanager
async def _watched(calls: Calls) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(calls.watch(stop, every_s=0.05))
    try:
        yield
    finally:
        stop.set()
        await task


async def _status(call: Any) -> tuple[str, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""


def test_calls_of_the_revoked_end_and_others_go_on(federation: EnrolledFederation) -> None:
    """Told one word, and what they held here is let go."""

    async def main() -> None:
        async with _served(federation) as (service, calls, channels), _watched(calls):
            waiting = {
                party: asyncio.create_task(
                    _status(channel.unary_unary("/support.Calls/Wait")(b"", timeout=20))
                )
                for party, channel in channels.items()
            }
            await until(lambda: len(calls._under_way) == 2)
            enrolling.revoke(federation.folder, "acme")
            assert await waiting["acme"] == ("UNAUTHENTICATED", "refused")
            await until(lambda: service.ended == ["acme"])
            await asyncio.sleep(0.2)
            assert not waiting["bolt"].done()
            assert {call.party for call in calls._under_way} == {"bolt"}

    asyncio.run(main())


def test_a_reader_who_stalls_is_let_go_too(federation: EnrolledFederation) -> None:
    """Its stream is blocked in the middle of a transfer; it is sent no more, and ends here at once."""

    async def main() -> None:
        async with _served(federation) as (service, calls, channels), _watched(calls):
            stream = channels["acme"].unary_stream("/support.Calls/Pour")(b"", timeout=20)
            parts = stream.__aiter__()
            assert await anext(parts) == _PART
            await until(lambda: service.sent > 1)
            enrolling.revoke(federation.folder, "acme")
            await until(lambda: service.ended == ["acme"])
            sent = service.sent
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in parts:
                    pass
            assert (caught.value.code(), caught.value.details()) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "refused",
            )
            assert service.sent == sent
            assert not calls._under_way

    asyncio.run(main())


def test_a_refusal_within_a_call_is_one_word(
    federation: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is in the log."""

    async def main() -> None:
        async with _served(federation) as (_, _, channels):
            said = await _status(channels["acme"].unary_unary("/support.Calls/Refuse")(b"", timeout=5))
            assert said == ("PERMISSION_DENIED", "refused")

    caplog.set_level(logging.INFO)
    asyncio.run(main())
    assert "refused a call of acme: a reason for the operator" in caplog.text


def test_a_caller_who_is_gone_is_no_error_of_the_coordinator(
    federation: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """Where gRPC cannot answer any more the log says that the call ended, with no traceback."""

    async def main() -> None:
        async with _served(federation) as (_, _, channels):
            said = await _status(channels["acme"].unary_unary("/support.Calls/Lose")(b"", timeout=5))
            assert said == ("UNAUTHENTICATED", "gone")

    caplog.set_level(logging.INFO)
    asyncio.run(main())
    assert "ended before its answer" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class _Away(Doorkeeper):
    """A doorkeeper whose database goes away after the first look."""

    looks: list[int] = []  # noqa: RUF012  (shared by the one test that uses it)

    def check(self, certificate_pem: bytes) -> CertificateRecord:
        self.looks.append(1)
        if len(self.looks) > 1:
            raise LocalResourceError("the database is away")
        return super().check(certificate_pem)


def test_a_database_that_is_away_ends_nobodys_call(
    federation: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and looked at again; new calls are not admitted meanwhile."""

    async def main() -> None:
        async with _served(federation) as (_, calls, channels):
            calls._doorkeeper = _Away("testfed", calls._doorkeeper.database)
            async with _watched(calls):
                waiting = asyncio.create_task(
                    _status(channels["acme"].unary_unary("/support.Calls/Wait")(b"", timeout=20))
                )
                await until(lambda: "cannot look at callers" in caplog.text)
                assert not waiting.done()
                said = await _status(channels["bolt"].unary_unary("/support.Calls/Wait")(b"", timeout=5))
                assert said == ("UNAVAILABLE", "try again")
                waiting.cancel()

    asyncio.run(main())


def test_a_method_without_a_rule_admits_nobody(federation: EnrolledFederation) -> None:
    """Its name is what the call is admitted for."""

    async def main() -> None:
        with federation.open_database() as database, pytest.raises(KeyError):
            async with Calls(Doorkeeper("testfed", database)).admitted(None, "Nothing"):  # type: ignore[arg-type]
                raise InputError("not reached")

    asyncio.run(main())
