"""What crosses the boundary: named arrays of declared kind, dtype and row axis; nothing else fits."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.blocks import row_blocks
from feddmf.encodings import Encoding, is_rounded, rounded
from feddmf.errors import PayloadError

__all__ = [
    "EMPTY",
    "NOTHING",
    "ArraySpec",
    "Axis",
    "DType",
    "Encoding",
    "Payload",
    "PayloadSchema",
    "ReleaseKind",
    "longest_row",
]

Array = npt.NDArray[Any]


class ReleaseKind(enum.StrEnum):
    """Every kind of thing that may leave a party. Closed: policies allow kinds by these names."""

    ITEM_VECTORS = "item_vectors"
    CONTEXT_VECTORS = "context_vectors"
    SHARED_LAYERS = "shared_layers"
    ITEM_GRADIENT = "item_gradient"
    GRAM = "gram"
    SUFFICIENT_STATISTICS = "sufficient_statistics"
    MASKED_SUM = "masked_sum"
    NOISY_GRAM = "noisy_gram"
    ATTRIBUTE_VECTOR = "attribute_vector"
    ITEM_COUNT = "item_count"
    QUALITY_SCALAR = "quality_scalar"
    LOSS_SCALAR = "loss_scalar"
    PSI_POINT = "psi_point"
    PUBLIC_KEY = "public_key"


class DType(enum.StrEnum):
    """Element types of the wire, always little-endian."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    UINT64 = "uint64"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The little-endian numpy dtype."""
        return np.dtype(self.value).newbyteorder("<")


class Axis(enum.StrEnum):
    """What the rows of an array are. There is no axis over users.

    Of a first training with hidden items: PILOT_ITEMS are the matched items that nobody hides,
    HIDDEN_ITEMS those that the party hides from itself, REVEALED_ITEMS those that it sells and a peer hides.
    BLINDED_ITEMS are those that two parties bring to a matching, in an order that says nothing.
    """

    ONE = "one"
    MATCHED_ITEMS = "matched_items"
    ALIGNED_ITEMS = "aligned_items"
    OFFERED_ITEMS = "offered_items"
    PILOT_ITEMS = "pilot_items"
    PILOT_ALIGNED_ITEMS = "pilot_aligned_items"
    HIDDEN_ITEMS = "hidden_items"
    REVEALED_ITEMS = "revealed_items"
    BLINDED_ITEMS = "blinded_items"


@dataclass(frozen=True)
class ArraySpec:
    """Declares one array: its name, kind, dtype, row axis, columns, and the longest row allowed.

    hides: the kind of what a mask hides, which whoever can take the mask off has; encoding: how the rows of a
    float32 array travel.
    """

    name: str
    kind: ReleaseKind
    axis: Axis
    columns: int
    dtype: DType = DType.FLOAT32
    max_row_norm: float = 1e4
    hides: ReleaseKind | None = None
    encoding: Encoding = Encoding.FLOAT32

    @property
    def kinds(self) -> tuple[ReleaseKind, ...]:
        """Every kind that a policy must allow for this array to leave."""
        return (self.kind,) if self.hides is None else (self.kind, self.hides)

    def shape(self, sizes: Mapping[Axis, int]) -> tuple[int, int]:
        """Return the one shape that fits, given the number of rows of each axis."""
        return (1 if self.axis is Axis.ONE else sizes[self.axis], self.columns)

    def nbytes(self, rows: int) -> int:
        """Return how many bytes travel of `rows` rows."""
        if self.encoding is Encoding.INT8:
            return rows * (4 + self.columns)
        size = 2 if self.encoding is Encoding.FLOAT16 else self.dtype.numpy.itemsize
        return rows * self.columns * size


@dataclass(frozen=True)
class PayloadSchema:
    """The arrays that a phase's payload holds, all of them, in this order."""

    arrays: tuple[ArraySpec, ...] = ()

    def nbytes(self, sizes: Mapping[Axis, int]) -> int:
        """Return the exact number of bytes that travel of a payload of this schema."""
        return sum(spec.nbytes(spec.shape(sizes)[0]) for spec in self.arrays)

    def held_bytes(self, sizes: Mapping[Axis, int]) -> int:
        """Return the bytes of a payload of this schema in memory, where every row is whole."""
        shapes = ((spec, spec.shape(sizes)) for spec in self.arrays)
        return sum(rows * columns * spec.dtype.numpy.itemsize for spec, (rows, columns) in shapes)

    def sent_bytes(self, payload: Payload) -> int:
        """Return how many bytes travel of `payload`, which fits."""
        return sum(spec.nbytes(len(payload[spec.name])) for spec in self.arrays if spec.name in payload)

    def rounded(self, payload: Payload) -> Payload:
        """Return `payload` as it arrives under the encodings of its arrays; itself where all travel whole.

        Raises PayloadError where an encoding cannot hold an array.
        """
        encodings = {spec.name: spec.encoding for spec in self.arrays}
        if set(encodings.values()) <= {Encoding.FLOAT32}:
            return payload
        return Payload(
            {name: rounded(a, encodings.get(name, Encoding.FLOAT32), name) for name, a in payload.items()}
        )

    def check(self, payload: Payload, sizes: Mapping[Axis, int]) -> None:
        """Raise PayloadError, naming the array and what is wrong, unless `payload` fits exactly."""
        names = tuple(spec.name for spec in self.arrays)
        if tuple(payload) != names:
            raise PayloadError(
                f"arrays {', '.join(payload) or 'none'} where {', '.join(names) or 'none'} are declared",
                hint="both ends must run the same version and the same run file",
            )
        for spec in self.arrays:
            _check_array(spec, payload[spec.name], spec.shape(sizes))


def _check_array(spec: ArraySpec, array: Array, shape: tuple[int, int]) -> None:
    hint = "both ends must run the same version, run file and catalogue"
    if array.dtype != spec.dtype.numpy:
        raise PayloadError(f"array {spec.name} is {array.dtype}, declared {spec.dtype.value}", hint=hint)
    if array.shape != shape:
        raise PayloadError(f"array {spec.name} has shape {array.shape}, declared {shape}", hint=hint)
    if spec.dtype is DType.UINT64:
        return
    row, norm = _outside(array, spec.max_row_norm)
    if row is not None:
        what = "is not finite" if not np.isfinite(norm) else f"has norm {norm:.3g}"
        raise PayloadError(
            f"array {spec.name} row {row} {what}; allowed is a finite norm up to {spec.max_row_norm:g}",
            hint="training diverged or the data is broken: lower learning_rate, check the tables",
        )
    if not is_rounded(array, spec.encoding):
        raise PayloadError(
            f"array {spec.name} has numbers that do not travel as {spec.encoding.value}", hint=hint
        )


def longest_row(array: Array) -> float:
    """Return the largest norm of a row of `array`, [rows, columns]; 0 without rows."""
    norms = (_norms(array[rows]).max() for rows in row_blocks(*array.shape))
    return float(max(norms, default=0.0))


def _outside(array: Array, limit: float) -> tuple[int | None, float]:
    """Return the first row whose norm is not finite or over `limit`, and that norm; None where all hold.

    One pass: the squared norm of a row is finite exactly when all that counts in it is. Sums in the dtype of
    the array clear most rows; those near the limit, or past what the dtype holds, are summed in float64.
    """
    squares = limit * limit * (1 - 1e-6 - array.shape[1] * np.finfo(array.dtype).eps)
    for rows in row_blocks(*array.shape):
        with np.errstate(over="ignore", invalid="ignore"):
            clear = np.einsum("ij,ij->i", array[rows], array[rows]) <= squares
        for near in np.flatnonzero(~clear):
            norm = float(_norms(array[rows][near : near + 1])[0])
            if not norm <= limit:
                return rows.start + int(near), norm
    return None, 0.0


def _norms(array: Array) -> npt.NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        norms: npt.NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64))
    return norms


class Payload(Mapping[str, Array]):
    """Named arrays in a fixed order; immutable, C-contiguous."""

    def __init__(
        self, arrays: Mapping[str, Array] = MappingProxyType({}), *, sha256: bytes | None = None
    ) -> None:
        """Hold `arrays`; sha256: the digest of their bytes, where it has been computed already."""
        self._sha256 = sha256
        held = {}
        for name, array in arrays.items():
            view = np.ascontiguousarray(array).view()
            view.flags.writeable = False
            held[name] = view
        self._arrays: Mapping[str, Array] = MappingProxyType(held)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {array.dtype}{list(array.shape)}" for name, array in self.items())
        return f"Payload({inside})"

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.values())

    def buffers(self) -> Iterator[memoryview]:
        """Yield each array's bytes in order, without copying; the wire form of the body."""
        for array in self.values():
            if array.size:
                yield array.data.cast("B")

    def sha256(self) -> bytes:
        """Return the digest of the body, which is computed once."""
        if self._sha256 is None:
            digest = hashlib.sha256()
            for buffer in self.buffers():
                digest.update(buffer)
            self._sha256 = digest.digest()
        return self._sha256


EMPTY = Payload()
NOTHING = PayloadSchema()
