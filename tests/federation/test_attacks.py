"""What strangers and hostile parties try on the live ports, beside test_hostile and test_rights."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.identity import make_key, make_request
from feddmf.plan import matched_rows
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.enrolment_pb2 import EnrollRequest
from feddmf.wire.enrolment_pb2_grpc import EnrolmentStub
from feddmf.wire.framing import open_stub
from feddmf_coordinator import enrolling
from feddmf_coordinator.store.runs import RunState
from support.authority import make_federation
from support.enrolment import port_is_open, serving_enrolment, until
from support.federation import LiveFederation, live, quick_run
from support.hostile import Bare, ByHand, bare
from support.whoami import opened, party_pair

# A message within a message within a message: field 15, which nobody declares, as a group.
NESTED = b"\x7b" * 90_000
# The same as lengths of fields that are declared: an address in an address.
INSIDE = b"\x0a\xff\xff\x03" * 20_000


async def _joined(federation: LiveFederation, acme: Bare, bolt: Bare) -> ByHand:
    run = federation.submit(quick_run(("acme", "bolt")))
    assert await asyncio.gather(acme.join(), bolt.join()) == [run, run]
    await until(lambda: federation.run(run).state is RunState.RUNNING)
    plan = federation.run(run).plan
    return ByHand(plan, matched_rows(federation.small.catalogue, plan))


async def _greeting(port: int, said: bytes, *, tls: ssl.SSLContext | None = None) -> bytes:
    """Connect, say something, and return all that comes back until the other end closes, or for 2 s."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
    )
    writer.write(said)
    try:
        async with asyncio.timeout(2):
            return await reader.read()
    except (TimeoutError, ConnectionError, ssl.SSLError):
        return b""
    finally:
        writer.transport.abort()


def test_what_is_no_tls_gets_no_answer(tmp_path: Path) -> None:
    """Plain HTTP, noise and silence on the federation port; an enrolled party is served beside them."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as acme:
            port = federation.enrolled.settings.port
            for said in (b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(4_000), b""):
                answer = await _greeting(port, said)
                # A TLS alert at most.
                assert len(answer) < 20, said
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"

    asyncio.run(main())


def test_headers_beyond_their_bound_are_not_taken(tmp_path: Path) -> None:
    """A call with a megabyte of metadata is refused, and its sender's next call is answered."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            enrolled = federation.enrolled
            root = enrolled.folder.root_certificate.read_bytes()
            async with opened(enrolled.settings.port, root, party_pair(enrolled, "acme")) as channel:
                beat = channel.unary_unary("/feddmf.wire.Federation/Beat")
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await beat(b"", metadata=(("x", "y" * 1_000_000),), timeout=5)
                assert caught.value.code().name in {"RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE"}
                await beat(b"", timeout=5)

    asyncio.run(main())


@pytest.mark.parametrize("nested", [NESTED, INSIDE])
def test_messages_nested_beyond_measure_are_refused(tmp_path: Path, nested: bytes) -> None:
    """In calls of one message and in streams; then a run works on the same server."""

    async def main() -> None:
        async with (
            live(tmp_path) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
            bare(federation.enrolled, "bolt", stub=open_stub) as raw,
        ):
            enrolled = federation.enrolled
            root = enrolled.folder.root_certificate.read_bytes()
            async with opened(enrolled.settings.port, root, party_pair(enrolled, "bolt")) as channel:
                for method in ("Hello", "Beat", "AcceptCatalogue", "Renew"):
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await channel.unary_unary(f"/feddmf.wire.Federation/{method}")(nested, timeout=5)
                    assert caught.value.code().name in {"INTERNAL", "UNKNOWN"}
            said = await raw.exchange([nested])
            assert said.how == "FAILED_PRECONDITION"
            assert "bytes that are no message" in said.text
            by_hand = await _joined(federation, acme, bolt)
            parts: list[Any] = [part.SerializeToString() for part in by_hand.contribution("bolt")]
            await raw.exchange([parts[0], nested])
            assert (await federation.ended(by_hand.plan.run)).reason == "bolt sent bytes that are no message"
            federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}

    asyncio.run(main())


def test_requests_that_no_library_reads_are_refused_in_one_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the bytes of a request, the caller is told nothing and the invitation is not used up."""
    folder = make_federation(tmp_path, ()).folder
    token = enrolling.invite(folder, "acme").invitation.token
    whole = make_request(make_key(), "acme").public_bytes(Encoding.DER)
    version = whole.index(b"\x02\x01\x00")
    bad = (
        whole[:version] + b"\x02\x01\x3d" + whole[version + 3 :],
        b"\x30\x84\xff\xff\xff\xff" + whole,
        b"\x30\x80" * 5_000,
        whole[:-1],
        whole + b"\0",
        b"",
    )
    caplog.set_level(logging.INFO)

    async def main() -> None:
        credentials = grpc.ssl_channel_credentials(folder.root_certificate.read_bytes())
        async with serving_enrolment(folder):
            await until(lambda: port_is_open(folder))
            address = f"localhost:{folder.load().enrolment_port}"
            async with grpc.aio.secure_channel(address, credentials) as channel:
                stub = EnrolmentStub(channel)
                for request in bad:
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await stub.Enroll(EnrollRequest(token=token, request_der=request), timeout=5)
                    said = caught.value
                    assert (said.code().name, said.details()) == ("UNAUTHENTICATED", "refused"), request[:9]
                await stub.Enroll(EnrollRequest(token=token, request_der=whole), timeout=5)

    asyncio.run(main())
    assert caplog.text.count("cannot be read") == len(bad)
    assert token not in caplog.text
