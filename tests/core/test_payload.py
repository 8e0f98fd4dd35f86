"""Every kind of wrongness in a payload is named; nothing that fits is refused."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
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
    longest_row,
)

SIZES = {Axis.MATCHED_ITEMS: 3, Axis.ALIGNED_ITEMS: 2, Axis.OFFERED_ITEMS: 0}
SCHEMA = PayloadSchema(
    (
        ArraySpec("vectors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 2, max_row_norm=5.0),
        ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1, DType.FLOAT64),
        ArraySpec("pairs", ReleaseKind.QUALITY_SCALAR, Axis.ONE, 1, DType.UINT64),
    )
)


def arrays() -> dict[str, npt.NDArray[Any]]:
    """Return arrays that fit SCHEMA."""
    return {
        "vectors": np.array([[3, 4], [0, 0], [1, -1]], dtype=np.float32),
        "loss": np.array([[0.25]]),
        "pairs": np.array([[7]], dtype=np.uint64),
    }


def vectors(*rows: list[float]) -> dict[str, npt.NDArray[Any]]:
    """Return arrays that fit SCHEMA but for the vectors `rows`."""
    return arrays() | {"vectors": np.array(rows, dtype=np.float32)}


def test_what_fits_passes() -> None:
    """Arrays of the declared names, dtypes and shapes within bounds pass, a row at its bound too."""
    SCHEMA.check(Payload(arrays()), SIZES)
    NOTHING.check(EMPTY, {})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "arrays none where vectors, loss, pairs are declared"),
        (dict(reversed(arrays().items())), "arrays pairs, loss, vectors where"),
        (arrays() | {"users": np.zeros((1, 1))}, "arrays vectors, loss, pairs, users where"),
        (arrays() | {"vectors": np.zeros((3, 2))}, "vectors is float64, declared float32"),
        (arrays() | {"vectors": np.zeros((3, 2), dtype=">f4")}, "vectors is >f4, declared float32"),
        (arrays() | {"pairs": np.array([[7]])}, "pairs is int64, declared uint64"),
        (arrays() | {"loss": np.array([[None]], dtype=object)}, "loss is object, declared float64"),
        (vectors([1, 1], [1, 1]), r"vectors has shape \(2, 2\), declared \(3, 2\)"),
        (arrays() | {"loss": np.array([0.25])}, r"loss has shape \(1,\), declared \(1, 1\)"),
        (vectors([1, 1], [0, np.nan], [1, 1]), "vectors row 1 is not finite"),
        (vectors([1, 1], [1, 1], [-np.inf, 0]), "vectors row 2 is not finite"),
        (vectors([3.0, 4.01], [1, 1], [1, 1]), "vectors row 0 has norm 5.01; allowed .* up to 5"),
        (arrays() | {"loss": np.array([[1e200]])}, "loss row 0 .* allowed is a finite norm up to 10000"),
    ],
)
def test_each_kind_of_wrongness_is_named(wrong: dict[str, npt.NDArray[Any]], message: str) -> None:
    """A payload outside its schema is refused with the array and what is wrong with it."""
    with pytest.raises(PayloadError, match=message):
        SCHEMA.check(Payload(wrong), SIZES)


@given(
    hnp.arrays(np.float32, (3, 2), elements=st.floats(-3, 3, width=32)),
    st.integers(0, 5),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_one_number_that_is_not_finite_is_enough(
    good: npt.NDArray[np.float32], place: int, bad: float
) -> None:
    """Whatever else is in an array, one NaN or infinity anywhere is found, and its row named."""
    SCHEMA.check(Payload(arrays() | {"vectors": good}), SIZES)
    broken = good.copy()
    broken.flat[place] = bad
    with pytest.raises(PayloadError, match=f"vectors row {place // 2} is not finite"):
        SCHEMA.check(Payload(arrays() | {"vectors": broken}), SIZES)


def test_the_size_of_a_payload_is_known_beforehand() -> None:
    """A schema tells the exact bytes of a payload that fits."""
    assert SCHEMA.nbytes(SIZES) == Payload(arrays()).nbytes == 3 * 2 * 4 + 8 + 8
    assert NOTHING.nbytes({}) == 0


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64])
@given(st.floats(0.5, 2), st.integers(0, 199), st.integers(1, 300))
def test_the_bound_of_a_row_is_exact(dtype: DType, times: float, row: int, columns: int) -> None:
    """Sums of any length in float32 refuse and pass the same rows as sums in float64 do."""
    spec = ArraySpec("v", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, columns, dtype, max_row_norm=3.0)
    array = np.full((200, columns), 3.0 / np.sqrt(columns) * (1 - 1e-6), dtype=dtype.numpy)
    array[row] *= times
    norm = np.sqrt(np.square(array[row].astype(np.float64)).sum())
    schema, sizes = PayloadSchema((spec,)), {Axis.MATCHED_ITEMS: 200}
    if norm <= 3.0:
        schema.check(Payload({"v": array}), sizes)
    else:
        with pytest.raises(PayloadError, match=f"v row {row} has norm"):
            schema.check(Payload({"v": array}), sizes)


def test_a_row_past_what_float32_squares_is_not_infinite() -> None:
    """Its square overflows, and its norm does not: it is refused by its norm."""
    with pytest.raises(PayloadError, match=r"vectors row 1 has norm 1e\+25"):
        SCHEMA.check(Payload(vectors([1, 1], [1e25, 0], [1, 1])), SIZES)


def test_the_longest_row() -> None:
    """The norm of the longest row, 0 where there is none."""
    assert longest_row(np.array([[3, 4], [1, 1]], np.float32)) == 5
    assert longest_row(np.zeros((0, 4), np.float32)) == 0


@pytest.mark.parametrize(("encoding", "size"), [("float32", 24), ("float16", 12), ("int8", 18)])
def test_encoded_arrays_count_as_they_travel(encoding: str, size: int) -> None:
    """A schema knows the bytes that travel, rounds what it declares encoded, and refuses what is not so."""
    spec = replace(SCHEMA.arrays[0], encoding=Encoding(encoding))
    schema, payload = PayloadSchema((spec, *SCHEMA.arrays[1:])), Payload(vectors([1 / 3, 1], [0, 0], [1, -1]))
    rounded = schema.rounded(payload)
    assert schema.nbytes(SIZES) == schema.sent_bytes(rounded) == size + 8 + 8
    schema.check(rounded, SIZES)
    np.testing.assert_allclose(rounded["vectors"], payload["vectors"], atol=1 / 127)
    assert rounded["loss"].tobytes() == payload["loss"].tobytes()
    if encoding == "float32":
        assert rounded is payload
    else:
        with pytest.raises(PayloadError, match=f"vectors has numbers that do not travel as {encoding}"):
            schema.check(payload, SIZES)


def test_the_body_is_raw_little_endian_bytes() -> None:
    """Body and digest are those of the arrays' bytes in order, however they lie in memory."""
    body = struct.pack("<2f", 1, 2) + struct.pack("<Q", 3)
    payload = Payload({"a": np.array([[1, 2]], "f4"), "none": np.zeros((0, 9)), "b": np.array([[3]], "u8")})
    assert b"".join(payload.buffers()) == body
    assert payload.sha256() == hashlib.sha256(body).digest()
    turned = np.array([[1, 3], [2, 4]], dtype=np.float32).T
    assert b"".join(Payload({"a": turned}).buffers()) == struct.pack("<4f", 1, 2, 3, 4)


def test_a_payload_cannot_be_written_to() -> None:
    """Arrays of a payload are read-only; the array that it was made of stays writable."""
    mine = np.zeros((1, 1))
    payload = Payload({"a": mine})
    with pytest.raises(ValueError, match="read-only"):
        payload["a"][0, 0] = 1
    mine[0, 0] = 1
    assert repr(payload) == "Payload(a: float64[1, 1])"


def test_scalars_need_no_size() -> None:
    """An array over the axis `one` has one row whatever the sizes are."""
    assert ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1).shape({}) == (1, 1)
