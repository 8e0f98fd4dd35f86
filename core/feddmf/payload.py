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

from feddmf.errors import PayloadError

__all__ = ["EMPTY", "NOTHING", "ArraySpec", "Axis", "DType", "Payload", "PayloadSchema", "ReleaseKind"]

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
    """

    ONE = "one"
    MATCHED_ITEMS = "matched_items"
    ALIGNED_ITEMS = "aligned_items"
    OFFERED_ITEMS = "offered_items"
    PILOT_ITEMS = "pilot_items"
    PILOT_ALIGNED_ITEMS = "pilot_aligned_items"
    HIDDEN_ITEMS = "hidden_items"
    REVEALED_ITEMS = "revealed_items"


@dataclass(frozen=True)
class ArraySpec:
    """Declares one array: its name, kind, dtype, row axis, columns, and the longest row allowed.

    hides: the kind of what a mask hides, which whoever can take the mask off has.
    """

    name: str
    kind: ReleaseKind
    axis: Axis
    columns: int
    dtype: DType = DType.FLOAT32
    max_row_norm: float = 1e4
    hides: ReleaseKind | None = None

    @property
    def kinds(self) -> tuple[ReleaseKind, ...]:
        """Every kind that a policy must allow for this array to leave."""
        return (self.kind,) if self.hides is None else (self.kind, self.hides)

    def shape(self, sizes: Mapping[Axis, int]) -> tuple[int, int]:
        """Return the one shape that fits, given the number of rows of each axis."""
        return (1 if self.axis is Axis.ONE else sizes[self.axis], self.columns)


@dataclass(frozen=True)
class PayloadSchema:
    """The arrays that a phase's payload holds, all of them, in this order."""

    arrays: tuple[ArraySpec, ...] = ()

    def nbytes(self, sizes: Mapping[Axis, int]) -> int:
        """Return the exact number of bytes of a payload of this schema."""
        return sum(int(np.prod(spec.shape(sizes))) * spec.dtype.numpy.itemsize for spec in self.arrays)

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
    # One pass: the squared norm of a row is finite exactly when all that counts in it is.
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64))
    bad = np.flatnonzero(~(norms <= spec.max_row_norm))
    if bad.size:
        row = int(bad[0])
        what = "is not finite" if not np.isfinite(norms[row]) else f"has norm {norms[row]:.3g}"
        raise PayloadError(
            f"array {spec.name} row {row} {what}; allowed is a finite norm up to {spec.max_row_norm:g}",
            hint="training diverged or the data is broken: lower learning_rate, check the tables",
        )


class Payload(Mapping[str, Array]):
    """Named arrays in a fixed order; immutable, C-contiguous."""

    def __init__(self, arrays: Mapping[str, Array] = MappingProxyType({})) -> None:
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
        """Return the digest of the body."""
        digest = hashlib.sha256()
        for buffer in self.buffers():
            digest.update(buffer)
        return digest.digest()


EMPTY = Payload()
NOTHING = PayloadSchema()
