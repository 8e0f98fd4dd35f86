"""Frames by hand are those of the generated classes, both ways; any other bytes are an error of ours."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import PayloadError
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.framing import EXCHANGE, PUBLISH, REPLY, Envelope
from feddmf.wire.payload_pb2 import ArrayHeader, PayloadHeader, PayloadPart

ENVELOPES = pytest.mark.parametrize("envelope", [EXCHANGE, REPLY, PUBLISH], ids=lambda e: e.message.__name__)


@ENVELOPES
@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 1 << 20])
def test_a_chunk_is_what_the_generated_classes_write(envelope: Envelope, size: int) -> None:
    """Byte for byte the same message, and the same chunk comes out of it."""
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    framed = envelope.chunk(memoryview(data))
    assert framed == envelope.message(payload=PayloadPart(data=data)).SerializeToString()
    assert envelope.open(framed) == data


@ENVELOPES
def test_a_header_is_what_the_generated_classes_write(envelope: Envelope) -> None:
    """A header goes through the generated classes and comes back as itself."""
    header = PayloadHeader(arrays=[ArrayHeader(name="v", rows=3)], sha256=bytes(32))
    framed = envelope.header(header)
    assert envelope.message.FromString(framed).payload.header == header
    assert envelope.open(framed) == header


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        (EXCHANGE, pb.ExchangePart(address=pb.ExchangeAddress(run="r", phase="align", round=3))),
        (REPLY, pb.ReplyPart(closed=pb.RoundClosed(done=True))),
        (REPLY, pb.ReplyPart(ended=pb.RunEnded(reason="why"))),
        (PUBLISH, pb.PublishPart(items=pb.OfferedItems(items=[pb.OfferedItem(key="k")]))),
        (EXCHANGE, pb.ExchangePart(payload=PayloadPart())),
        (EXCHANGE, pb.ExchangePart()),
    ],
)
def test_what_is_no_part_of_a_payload_is_the_message(envelope: Envelope, message: Any) -> None:
    """Addresses, items and endings come out as generated messages, a part without content too."""
    assert envelope.open(message.SerializeToString()) == message


@given(st.binary(min_size=1, max_size=40))
def test_unusual_frames_of_a_chunk_are_understood(data: bytes) -> None:
    """Lengths with more bytes than they need, a field twice, one nobody knows: as protobuf has it."""
    long_length = bytes([len(data) | 0x80, 0])
    inner = b"\x12" + long_length + data
    framed = b"\x12" + bytes([len(inner)]) + inner
    assert EXCHANGE.open(framed) == data
    assert EXCHANGE.open(framed + b"\x78\x01") == data
    assert EXCHANGE.open(framed + EXCHANGE.chunk(memoryview(b"later"))) == b"later"


@ENVELOPES
@given(st.binary(max_size=64), st.booleans(), st.integers(0, 70))
def test_any_bytes_are_read_as_protobuf_does_or_refused(
    envelope: Envelope, raw: bytes, framed: bool, cut: int
) -> None:
    """Whatever arrives is what the generated classes make of it, or a PayloadError; nothing else."""
    if framed:
        raw = envelope.chunk(memoryview(raw))[:cut] + raw
    try:
        expected = envelope.message.FromString(raw)
    except DecodeError:
        with pytest.raises(PayloadError, match="no message"):
            envelope.open(raw)
        return
    found = envelope.open(raw)
    if isinstance(found, memoryview):
        assert found == expected.payload.data
    elif isinstance(found, PayloadHeader):
        assert found == expected.payload.header
    else:
        assert found == expected
