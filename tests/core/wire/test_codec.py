"""Payloads and documents survive the wire; what was not declared is refused before it takes a byte."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf.errors import PayloadError
from feddmf.payload import (
    EMPTY,
    NOTHING,
    ArraySpec,
    Axis,
    DType,
    Encoding,
    Payload,
    PayloadSchema,
    ReleaseKind,
)
from feddmf.wire import payload_pb2 as pb
from feddmf.wire.codec import (
    CHUNK_BYTES,
    MAX_MESSAGE_BYTES,
    PayloadDecoder,
    document_parts,
    encode,
    join_document,
)
from feddmf.wire.federation_pb2 import ExchangePart
from feddmf.wire.framing import EXCHANGE

Sized = tuple[PayloadSchema, dict[Axis, int], Payload]

BOUND = 1e3
ELEMENTS = {
    DType.FLOAT32: st.floats(-BOUND, BOUND, width=32),
    DType.FLOAT64: st.floats(-BOUND, BOUND),
    DType.UINT64: st.integers(0, 2**64 - 1),
}


@st.composite
def payloads(draw: st.DrawFn) -> Sized:
    """Draw a schema, row counts and a payload that fits both."""
    sizes = {axis: draw(st.integers(0, 4)) for axis in Axis}
    specs, arrays = [], {}
    for name in draw(st.lists(st.sampled_from("abc"), unique=True)):
        spec = ArraySpec(
            name,
            draw(st.sampled_from(ReleaseKind)),
            draw(st.sampled_from(Axis)),
            draw(st.integers(1, 3)),
            draw(st.sampled_from(DType)),
        )
        if spec.dtype is DType.FLOAT32:
            spec = replace(spec, encoding=draw(st.sampled_from(Encoding)))
        specs.append(spec)
        arrays[name] = draw(
            hnp.arrays(spec.dtype.numpy, spec.shape(sizes), elements=ELEMENTS[spec.dtype], fill=st.nothing())
        )
    schema = PayloadSchema(tuple(specs))
    return schema, sizes, schema.rounded(Payload(arrays))


def parts_of(payload: Payload, schema: PayloadSchema) -> list[pb.PayloadPart]:
    """Return the parts of a payload as the generated classes read them."""
    return [ExchangePart.FromString(raw).payload for raw in encode(payload, schema, EXCHANGE)]


def decode(parts: list[pb.PayloadPart], schema: PayloadSchema, sizes: dict[Axis, int]) -> Payload:
    """Decode `parts` as the generated classes write them."""
    decoder = PayloadDecoder(schema, sizes)
    for part in parts:
        decoder.feed(EXCHANGE.open(ExchangePart(payload=part).SerializeToString()))
    return decoder.payload()


@given(payloads())
def test_a_payload_comes_back_as_it_was_sent(sized: Sized) -> None:
    """Encoding and decoding give the same names, dtypes, shapes and bytes."""
    schema, sizes, payload = sized
    found = decode(parts_of(payload, schema), schema, sizes)
    assert list(found) == list(payload)
    for name, array in payload.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def held(part: pb.PayloadPart) -> pb.PayloadHeader | memoryview:
    """Return what a part holds, as a decoder takes it."""
    return part.header if part.WhichOneof("part") == "header" else memoryview(part.data)


SCHEMA = PayloadSchema((ArraySpec("v", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 1, max_row_norm=1e9),))
BIG = CHUNK_BYTES // 4 + 5  # rows of float32: one whole part and 20 bytes


def big() -> Payload:
    """Return a payload of a little more than one part."""
    return Payload({"v": np.arange(BIG, dtype=np.float32)[:, None]})


def test_parts_hold_a_mebibyte_at_most() -> None:
    """A header comes first, then parts of 1 MiB and the rest; gRPC's limit has room for each."""
    parts = parts_of(big(), SCHEMA)
    assert [part.WhichOneof("part") for part in parts] == ["header", "data", "data"]
    assert [len(part.data) for part in parts] == [0, CHUNK_BYTES, 20]
    assert max(part.ByteSize() for part in parts) <= MAX_MESSAGE_BYTES
    assert decode(parts, SCHEMA, {Axis.MATCHED_ITEMS: BIG})["v"][-1, 0] == BIG - 1


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_stream_that_was_cut_is_not_complete(kept: int) -> None:
    """Without its last parts a payload is refused with the number of bytes that came."""
    decoder = PayloadDecoder(SCHEMA, {Axis.MATCHED_ITEMS: BIG})
    for part in parts_of(big(), SCHEMA)[:kept]:
        decoder.feed(held(part))
    assert not decoder.complete
    arrived = max(kept - 1, 0) * CHUNK_BYTES
    with pytest.raises(PayloadError, match=f"^{arrived} of {4 * BIG} bytes arrived"):
        decoder.payload()


def small() -> tuple[pb.PayloadPart, pb.PayloadPart]:
    """Return header and data of a payload with two rows."""
    header, data = parts_of(Payload({"v": np.array([[1], [2]], dtype=np.float32)}), SCHEMA)
    return header, data


TWO = {Axis.MATCHED_ITEMS: 2}


@given(st.integers(0, 63))
def test_a_flipped_bit_is_found(bit: int) -> None:
    """Bytes that differ from the digest in the header are refused."""
    header, data = small()
    body = bytearray(data.data)
    body[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PayloadError, match="differ from the digest"):
        decode([header, pb.PayloadPart(data=bytes(body))], SCHEMA, TWO)


@pytest.mark.parametrize("encoding", [Encoding.FLOAT16, Encoding.INT8])
def test_an_encoded_array_takes_the_bytes_that_it_declares(encoding: Encoding) -> None:
    """What travels is as long as the schema says, a half or a quarter of float32 and the scales."""
    spec = ArraySpec("v", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 64, encoding=encoding)
    schema, sizes = PayloadSchema((spec,)), {Axis.MATCHED_ITEMS: 5_000}
    random = np.random.default_rng(0)
    payload = schema.rounded(Payload({"v": random.standard_normal((5_000, 64), dtype=np.float32)}))
    parts = parts_of(payload, schema)
    sent = sum(len(part.data) for part in parts)
    assert sent == schema.nbytes(sizes) == schema.sent_bytes(payload)
    assert sent == {Encoding.FLOAT16: 5_000 * 128, Encoding.INT8: 5_000 * 68}[encoding]
    assert decode(parts, schema, sizes).sha256() == payload.sha256()


def test_data_may_come_in_any_pieces() -> None:
    """Chunks that end anywhere, in the middle of a number too, make the same payload."""
    schema = PayloadSchema((*SCHEMA.arrays, ArraySpec("w", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)))
    payload = Payload({"v": np.array([[1], [2]], np.float32), "w": np.array([[3]], np.float32)})
    header, *rest = parts_of(payload, schema)
    body = b"".join(part.data for part in rest)
    pieces = [pb.PayloadPart(data=body[start : start + 5]) for start in range(0, len(body), 5)]
    assert decode([header, *pieces], schema, TWO).sha256() == payload.sha256()


def test_data_past_what_is_declared_is_refused() -> None:
    """One byte more than the header declares is refused when it comes."""
    decoder = PayloadDecoder(SCHEMA, TWO)
    for part in small():
        decoder.feed(held(part))
    assert decoder.complete
    with pytest.raises(PayloadError, match="no header has declared"):
        decoder.feed(memoryview(b"x"))


def test_data_without_a_header_is_refused() -> None:
    """Neither data nor an empty part may come before the header."""
    for data in (small()[1].data, b""):
        with pytest.raises(PayloadError, match="no header has declared"):
            PayloadDecoder(SCHEMA, TWO).feed(memoryview(data))


@pytest.mark.parametrize("before", [1, 2])
def test_a_part_without_data_is_refused(before: int) -> None:
    """Neither before the data nor after it: a stream of these would never end."""
    decoder = PayloadDecoder(SCHEMA, TWO)
    for part in small()[:before]:
        decoder.feed(held(part))
    with pytest.raises(PayloadError, match="a part without data"):
        decoder.feed(memoryview(b""))


def test_a_second_header_is_refused() -> None:
    """A stream has one header."""
    header, _ = small()
    with pytest.raises(PayloadError, match="a second header"):
        decode([header, header], SCHEMA, TWO)


def test_a_header_needs_a_digest() -> None:
    """A header without the 32 bytes of a SHA-256 is refused."""
    header, _ = small()
    header.header.sha256 = b"short"
    with pytest.raises(PayloadError, match="without a digest"):
        decode([header], SCHEMA, TWO)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "w"), ("kind", pb.GRAM), ("dtype", pb.FLOAT64), ("rows", 3), ("columns", 2), ("encoding", 1)],
)
def test_a_header_that_differs_from_the_schema_is_refused(field: str, value: str | int) -> None:
    """Name, kind, dtype, rows and columns of each array must be the declared ones."""
    header, _ = small()
    setattr(header.header.arrays[0], field, value)
    with pytest.raises(PayloadError, match=r"where v\[2, 1\] is declared"):
        decode([header], SCHEMA, TWO)


def test_a_header_of_any_length_is_described_in_short() -> None:
    """Thousands of arrays with long names do not fill the error that refuses them."""
    header = pb.PayloadHeader(arrays=[pb.ArrayHeader(name="x" * 100)] * 1000, sha256=bytes(32))
    with pytest.raises(PayloadError) as caught:
        PayloadDecoder(NOTHING, {}).feed(header)
    assert "... where nothing is declared" in caught.value.message
    assert len(caught.value.message) < 500


def test_an_array_out_of_bounds_is_refused_after_the_wire() -> None:
    """What arrives whole is still checked against the schema: NaN is refused."""
    payload = Payload({"v": np.array([[np.nan], [0]], dtype=np.float32)})
    with pytest.raises(PayloadError, match="v row 0 is not finite"):
        decode(parts_of(payload, SCHEMA), SCHEMA, TWO)


def test_an_empty_payload_is_a_header_alone() -> None:
    """A phase that declares nothing sends one header with the digest of no bytes."""
    parts = parts_of(EMPTY, NOTHING)
    assert [part.header.sha256 for part in parts] == [hashlib.sha256().digest()]
    assert len(decode(parts, NOTHING, {})) == 0


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_document_comes_back_as_it_was_sent(size: int) -> None:
    """A document of any size, none too, travels in parts of at most 1 MiB."""
    document, found = bytes(range(256)) * (size // 256) + b"x" * (size % 256), bytearray()
    parts = list(document_parts(document))
    for part in parts:
        join_document(found, part, limit=size)
    assert bytes(found) == document
    assert len(parts) == max(1, -(-size // CHUNK_BYTES))


def test_a_document_past_its_limit_is_refused() -> None:
    """A document stops growing at its limit."""
    found = bytearray(b"ab")
    with pytest.raises(PayloadError, match="more than 3 bytes"):
        join_document(found, pb.DocumentPart(data=b"cd"), limit=3)
    assert found == b"ab"
