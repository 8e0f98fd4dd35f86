"""Rounding is near, happens once, and survives encoding and decoding to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf import blocks
from feddmf.encodings import Encoding, decoded, encoded, is_rounded, rounded, travelling
from feddmf.errors import PayloadError

Floats = npt.NDArray[np.float32]

LOSSY = [Encoding.FLOAT16, Encoding.INT8]
TABLES = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 5), st.integers(1, 4)), elements=st.floats(-6e4, 6e4, width=32)
)


def sent(array: Floats, encoding: Encoding) -> npt.NDArray[Any]:
    """Return what arrives of `array`, through bytes."""
    parts = travelling(encoding, array.dtype, *array.shape)
    body = b"".join(block.tobytes() for block in encoded(array, encoding))
    assert len(body) == sum(part.nbytes for part in parts)
    for part in parts:
        part[...] = np.frombuffer(body[: part.nbytes], part.dtype).reshape(part.shape)
        body = body[part.nbytes :]
    return decoded(parts, encoding)


@pytest.mark.parametrize("encoding", Encoding)
@given(TABLES, st.sampled_from([1, 6, 1 << 17]))
def test_what_is_rounded_arrives_to_the_bit(encoding: Encoding, table: Floats, numbers: int) -> None:
    """Encoding and decoding change no bit of rounded rows, in whichever blocks, and neither does rounding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_NUMBERS", numbers)
        once = rounded(table, encoding, "v")
        assert sent(once, encoding).tobytes() == once.tobytes()
        assert rounded(once, encoding, "v").tobytes() == once.tobytes()
        assert is_rounded(once, encoding)


@given(TABLES)
def test_int8_is_near(table: Floats) -> None:
    """No number of a row is off by more than half a step, a 127th of the largest; zero rows stay zero."""
    found = rounded(table, Encoding.INT8, "v")
    steps = np.abs(table).max(axis=1, initial=0)[:, None] / 127
    assert (np.abs(found - table) <= steps * 0.5001 + 2.0**-100).all()


def test_int8_by_hand() -> None:
    """The largest number of a row is 127 steps."""
    table = np.array([[127, -3.4, -0.4], [0, 0, 0], [-2.54, 1.265, 0]], dtype=np.float32)
    found = rounded(table, Encoding.INT8, "v")
    np.testing.assert_allclose(found, [[127, -3, 0], [0, 0, 0], [-2.54, 1.26, 0]], rtol=1e-4)
    assert not np.signbit(found[0, 2])  # no code stands for minus zero


def test_float16_by_hand() -> None:
    """A half has eleven bits of mantissa."""
    found = rounded(np.array([[1 / 3, 1 + 2.0**-11, -65504]], np.float32), Encoding.FLOAT16, "v")
    np.testing.assert_array_equal(found, [[0.333251953125, 1, -65504]])


def test_past_the_range_of_float16_is_refused() -> None:
    """A number that float16 cannot hold is named with its array and row."""
    table = np.array([[1, 2], [3, -7e4]], dtype=np.float32)
    with pytest.raises(PayloadError, match="array v row 1 has 7e\\+04, and float16 ends at 65504"):
        rounded(table, Encoding.FLOAT16, "v")


@pytest.mark.parametrize("encoding", LOSSY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(encoding: Encoding, bad: float) -> None:
    """Broken rows are not rounded into rows that look whole: the check after it names them."""
    found = rounded(np.array([[bad, 1], [1, 2]], np.float32), encoding, "v")
    assert not np.isfinite(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("encoding", LOSSY)
def test_what_was_not_rounded_is_told(encoding: Encoding) -> None:
    """A third is no number of either encoding, where another number sets the scale."""
    assert not is_rounded(np.array([[1, 1 / 3]], np.float32), encoding)
