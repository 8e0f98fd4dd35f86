"""Every kind of wrongness in a payload is named; nothing that fits is refused."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf.errors import PayloadError
from feddmf.payload import EMPTY, NOTHING, ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind

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
