"""A payload arrives in as many streams as it takes; what has arrived is not sent again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import PayloadError
from feddmf.payload import ArraySpec, Axis, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.wire.codec import PayloadDecoder, encode
from feddmf.wire.framing import EXCHANGE
from feddmf.wire.payload_pb2 import PayloadHeader

ITEMS = Axis.MATCHED_ITEMS
SCHEMA = PayloadSchema(
    (
        ArraySpec("plain", ReleaseKind.ITEM_VECTORS, ITEMS, 3),
        ArraySpec("quarter", ReleaseKind.ITEM_VECTORS, ITEMS, 5, encoding=Encoding.INT8),
        ArraySpec("half", ReleaseKind.ITEM_VECTORS, ITEMS, 2, encoding=Encoding.FLOAT16),
    )
)
WHOLE = PayloadSchema(SCHEMA.arrays[:1])
ROWS = 7
TOTAL = SCHEMA.nbytes({ITEMS: ROWS})


def _payload(schema: PayloadSchema, seed: int = 0) -> Payload:
    random = np.random.default_rng(seed)
    rows = {spec.name: random.random((ROWS, spec.columns), dtype=np.float32) for spec in schema.arrays}
    return schema.rounded(Payload(rows))


def _parts(
    payload: Payload, schema: PayloadSchema, start: int, chunk: int
) -> list[memoryview | PayloadHeader]:
    return [EXCHANGE.open(raw) for raw in encode(payload, schema, EXCHANGE, start=start, chunk_bytes=chunk)]


@pytest.mark.parametrize("schema", [SCHEMA, WHOLE], ids=["encoded", "whole"])
@given(cuts=st.lists(st.integers(0, 12), max_size=8), chunk=st.integers(1, 30))
def test_streams_that_are_cut_anywhere_make_one_payload(
    schema: PayloadSchema, cuts: list[int], chunk: int
) -> None:
    """Each goes on behind what arrived; every byte of the body travels once."""
    payload, decoder = _payload(schema), PayloadDecoder(schema, {ITEMS: ROWS})
    travelled = 0
    for most in (*cuts, 10**9):
        start = decoder.arrived
        header, *data = _parts(payload, schema, start, chunk)
        decoder.cut()
        decoder.feed(header)
        for part in data[:most]:
            travelled += len(part)  # type: ignore[arg-type]
            decoder.feed(part)
        assert decoder.arrived == travelled
    assert travelled == schema.nbytes({ITEMS: ROWS})
    assert decoder.payload().sha256() == payload.sha256()


def test_a_stream_may_begin_anew() -> None:
    """With the same bytes or others: nothing of the earlier stream is left."""
    decoder = PayloadDecoder(SCHEMA, {ITEMS: ROWS})
    for part in _parts(_payload(SCHEMA), SCHEMA, 0, 10)[:4]:
        decoder.feed(part)
    decoder.cut()
    other = _payload(SCHEMA, seed=1)
    for part in _parts(other, SCHEMA, 0, 10):
        decoder.feed(part)
    assert decoder.payload().sha256() == other.sha256()


@pytest.mark.parametrize("start", [1, 9, 11, TOTAL, TOTAL + 1, 2**64 - 1])
def test_no_stream_goes_on_behind_what_is_not_there(start: int) -> None:
    """Neither before nor behind the bytes that have arrived."""
    decoder = PayloadDecoder(SCHEMA, {ITEMS: ROWS})
    header, first, *_ = _parts(_payload(SCHEMA), SCHEMA, 0, 10)
    decoder.feed(header)
    decoder.feed(first)
    decoder.cut()
    assert isinstance(header, PayloadHeader)
    header.start = start
    with pytest.raises(PayloadError, match=f"behind byte {start}, where 10 of it have arrived"):
        decoder.feed(header)


def test_no_stream_goes_on_with_something_else() -> None:
    """The digest of the whole is that of the first header; nothing is taken in before a header."""
    decoder = PayloadDecoder(SCHEMA, {ITEMS: ROWS})
    header, first, second, *_ = _parts(_payload(SCHEMA), SCHEMA, 0, 10)
    decoder.feed(header)
    decoder.feed(first)
    decoder.cut()
    with pytest.raises(PayloadError, match="no header has declared"):
        decoder.feed(second)
    with pytest.raises(PayloadError, match="behind byte 10"):
        decoder.feed(_parts(_payload(SCHEMA, seed=1), SCHEMA, 10, 10)[0])


def test_bytes_of_two_payloads_do_not_make_one() -> None:
    """Whoever goes on with other bytes under the same digest is found out when all is there."""
    decoder = PayloadDecoder(SCHEMA, {ITEMS: ROWS})
    one, other = _payload(SCHEMA), _payload(SCHEMA, seed=1)
    for part in _parts(one, SCHEMA, 0, 10)[:2]:
        decoder.feed(part)
    decoder.cut()
    decoder.feed(_parts(one, SCHEMA, 10, 10)[0])
    for part in _parts(other, SCHEMA, 10, 10)[1:]:
        decoder.feed(part)
    with pytest.raises(PayloadError, match="differ from the digest"):
        decoder.payload()
