from __future__ import annotations

import asyncio
import logging
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError, LocalResourceError
from feddmf.identity import make_key, make_request
from feddmf.wire.enrolment_pb2 import EnrollReply, EnrollRequest
from feddmf.wire.enrolment_pb2_grpc import EnrolmentStub
from feddmf_coordinator import enrolling
from feddmf_coordinator.server import enrolment
from feddmf_coordinator.server.enrolment import serve_enrolment
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from support.authority import make_federation
from support.enrolment import port_is_open, serving_enrolment, until


@pytest.fixture
def folder(tmp_path: Path) -> CoordinatorFolder:
    """A coordinator whom nobody has joined."""
    return make_federation(tmp_path, ()).folder


def _request() -> bytes:
    return make_request(make_key(), "acme").public_bytes(Encoding.DER)


async def _enroll(folder: CoordinatorFolder, request: EnrollRequest) -> EnrollReply | str:
    """Return the reply, or the status and its details."""
    credentials = grpc.ssl_channel_credentials(folder.root_certificate.read_bytes())
    address = f"localhost:{folder.load().enrolment_port}"
    async with grpc.aio.secure_channel(address, credentials) as channel:
        try:
            return await EnrolmentStub(channel).Enroll(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}"


def test_the_port_is_open_only_while_somebody_is_invited(folder: CoordinatorFolder) -> None:
    """Closed before, open after an invitation, closed when the certificate is collected."""

    async def watch() -> None:
        async with serving_enrolment(folder):
            await asyncio.sleep(0.1)
            assert not await port_is_open(folder)
            token = enrolling.invite(folder, "acme").invitation.token
            await until(lambda: port_is_open(folder))
            request = EnrollRequest(token=token, request_der=_request())
            assert await _enroll(folder, request) == EnrollReply(state=EnrollReply.PENDING)
            enrolling.approve(folder, "acme")
            reply = await _enroll(folder, request)
            assert isinstance(reply, EnrollReply)
            assert reply.state == EnrollReply.ISSUED
            request.collected = True
            await _enroll(folder, request)

            async def closed() -> bool:
                return not await port_is_open(folder)

            await until(closed)

    asyncio.run(watch())


def test_the_port_closes_when_the_invitation_ends(folder: CoordinatorFolder) -> None:
    """Without anybody having called."""
    enrolling.invite(folder, "acme")
    times = [datetime.now(UTC)]

    async def watch() -> None:
        async with serving_enrolment(folder, lambda: times[-1]):
            await until(lambda: port_is_open(folder))
            times.append(times[0] + timedelta(hours=73))

            async def closed() -> bool:
                return not await port_is_open(folder)

            await until(closed)

    asyncio.run(watch())


def test_every_refusal_is_one_word_and_the_log_says_why(
    folder: CoordinatorFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """Unknown token, nonsense for a request, another request: the caller cannot tell them apart."""
    token = enrolling.invite(folder, "acme").invitation.token
    caplog.set_level(logging.DEBUG)

    async def call() -> list[EnrollReply | str]:
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))
            good = EnrollRequest(token=token, request_der=_request())
            return [
                await _enroll(folder, EnrollRequest(token="nobody's", request_der=_request())),  # noqa: S106
                await _enroll(folder, EnrollRequest(token=token, request_der=b"nonsense")),
                await _enroll(folder, good),
                await _enroll(folder, EnrollRequest(token=token, request_der=_request())),
            ]

    refused = "UNAUTHENTICATED refused"
    assert asyncio.run(call()) == [refused, refused, EnrollReply(state=EnrollReply.PENDING), refused]
    for reason in ("no invitation has this token", "cannot be read", "another request"):
        assert reason in caplog.text
    assert token not in caplog.text
    assert "nobody's" not in caplog.text


def test_large_messages_are_not_read(folder: CoordinatorFolder) -> None:
    """A stranger cannot make the coordinator hold more than 16 KiB a call."""
    token = enrolling.invite(folder, "acme").invitation.token

    async def call() -> EnrollReply | str:
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))
            return await _enroll(folder, EnrollRequest(token=token, request_der=b"\0" * 16_384))

    assert str(asyncio.run(call())).startswith("RESOURCE_EXHAUSTED")


def test_a_port_that_is_taken_is_an_error_at_the_start(folder: CoordinatorFolder) -> None:
    """Also while nobody is invited, and it names the port."""
    port = folder.load().enrolment_port
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(LocalResourceError, match=str(port)) as caught,
    ):
        asyncio.run(_serve(folder))
    assert "enrolment_port" in caught.value.hint


async def _serve(folder: CoordinatorFolder) -> None:
    async with serving_enrolment(folder):
        await asyncio.sleep(0.05)


def test_a_port_that_is_taken_later_is_tried_again(
    folder: CoordinatorFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The coordinator goes on, says so, and opens the port when it is free."""

    async def watch() -> None:
        async with serving_enrolment(folder):
            await asyncio.sleep(0.05)
            with socket.create_server(("127.0.0.1", folder.load().enrolment_port)):
                enrolling.invite(folder, "acme")
                await until(lambda: "cannot be opened now" in caplog.text)
            await until(lambda: port_is_open(folder))

    asyncio.run(watch())


def test_a_database_that_is_away_leaves_the_port_as_it_is(
    folder: CoordinatorFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no reason to end: the next look may find it."""
    enrolling.invite(folder, "acme")

    def away(*_: object, **__: object) -> bool:
        raise LocalResourceError("it is away", hint="")

    async def watch() -> None:
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))
            with monkeypatch.context() as patch:
                patch.setattr(enrolment, "is_enrolling", away)
                await until(lambda: "cannot look who is invited: it is away" in caplog.text)
                assert await port_is_open(folder)

    asyncio.run(watch())


def test_a_broken_server_certificate_is_an_error_at_the_start(folder: CoordinatorFolder) -> None:
    """Not when the first company is invited."""
    folder.server_certificate.write_text("nonsense")
    with pytest.raises(InputError, match="holds no readable certificate"):
        asyncio.run(_serve(folder))


def test_the_authoritys_key_is_not_needed_to_serve(folder: CoordinatorFolder) -> None:
    """It can be on another machine while the coordinator runs."""
    folder.authority_key.unlink()
    folder.passphrase_file.unlink()
    enrolling.invite(folder, "acme")

    async def watch() -> None:
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))

    asyncio.run(watch())


def test_serving_ends_when_it_is_told(folder: CoordinatorFolder) -> None:
    """At once, not at the next look into the database."""
    with Database.open(folder.database_url(folder.load())) as database:

        async def serve() -> None:
            stop = asyncio.Event()
            stop.set()
            await asyncio.wait_for(serve_enrolment(folder, database, stop), 5)

        asyncio.run(serve())
