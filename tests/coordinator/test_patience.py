"""Callers who begin to speak and do not go on: they hold no place for long, and others are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.identity import make_key, make_request
from feddmf.wire.enrolment_pb2 import EnrollReply, EnrollRequest
from feddmf.wire.enrolment_pb2_grpc import EnrolmentStub
from feddmf_coordinator import enrolling
from feddmf_coordinator.server import enrolment, patience
from support.authority import make_federation
from support.enrolment import port_is_open, serving_enrolment, until


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for half a second."""
    monkeypatch.setattr(enrolment, "Patience", lambda: patience.Patience(0.5))


async def _silent(cut: bool) -> AsyncIterator[bytes]:
    """Send nothing, with or without an end."""
    if not cut:
        await asyncio.Event().wait()
    return
    yield b""


@pytest.mark.usefixtures("limited")
def test_callers_who_say_nothing_are_sent_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Silent ones take all places of the enrolment port for as long as it waits, and no longer."""
    folder = make_federation(tmp_path, ()).folder
    token = enrolling.invite(folder, "acme").invitation.token
    request = EnrollRequest(
        token=token, request_der=make_request(make_key(), "acme").public_bytes(Encoding.DER)
    )

    async def main() -> None:
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))
            credentials = grpc.ssl_channel_credentials(folder.root_certificate.read_bytes())
            address = f"localhost:{folder.load().enrolment_port}"
            # A connection of its own for each few: the server takes four calls on one.
            alone = (("grpc.use_local_subchannel_pool", 1),)
            silent = [grpc.aio.secure_channel(address, credentials, options=alone) for _ in range(10)]
            calls = [_call(channel) for channel in silent for _ in range(4)]
            said = await asyncio.gather(*(_ended(call) for call in calls))
            assert set(said) <= {"UNAVAILABLE no message came; send it again", "RESOURCE_EXHAUSTED"}
            assert said.count("UNAVAILABLE no message came; send it again") >= 16
            async with grpc.aio.secure_channel(address, credentials) as channel:
                reply = await EnrolmentStub(channel).Enroll(request, timeout=5)
                assert reply == EnrollReply(state=EnrollReply.PENDING)
                cut = channel.stream_unary("/feddmf.wire.Enrolment/Enroll")(_silent(cut=True), timeout=5)
                assert (await _ended(cut)).startswith("UNAVAILABLE")
            for channel in silent:
                await channel.close()

    asyncio.run(main())
    assert "began a call and said nothing" in caplog.text
    assert token not in caplog.text


def _call(channel: grpc.aio.Channel) -> Any:
    return channel.stream_unary("/feddmf.wire.Enrolment/Enroll")(_silent(cut=False), timeout=20)


async def _ended(call: Any) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        code = error.code().name
        return code if code == "RESOURCE_EXHAUSTED" else f"{code} {error.details()}"
    return "OK"
