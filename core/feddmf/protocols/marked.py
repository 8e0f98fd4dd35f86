"""The response of a party whose vectors are replaced by the mean of all owners' vectors.

Training undoes in part what tying did, so movement and pull say nothing. Instead the mean that each party is
told carries a small mark of its own, random signs that nothing in its data goes along with. Whoever goes on
from what it was told carries the mark back: the regression of the difference to the mean on the mark is
about 1 for it, and 0 for noise, for frozen vectors, and for a party that trains alone. It is the lock-in
amplifier of the laboratory: over many rows a mark shows that is far smaller than the steps of training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from feddmf.blocks import row_blocks
from feddmf.protocols.base import Arrays
from feddmf.randomness import generator

__all__ = ["Mark", "Marked", "MarkedEvidence", "draw_marks", "least_response"]

Floats = npt.NDArray[np.floating]

# Size of a mark beside that of the vectors which carry it.
_SIZE = 0.2
_STANDARD_ERRORS = 2
# Steps between two exchanges after which most of a mark is still there.
_SHORT_SPAN = 10


@dataclass(frozen=True, eq=False)
class Mark:
    """Random signs of one size, one for each number of a table.

    signs: a bit each, uint8 [rows, dim / 8]; dim: length of a row; size: float32 or float64.
    """

    signs: npt.NDArray[np.uint8]
    dim: int
    size: np.floating

    def of(self, rows: slice, *, room: Floats | None = None) -> Floats:
        """Return the mark of some rows, [rows, dim]; in `room` of at least so many rows, where given."""
        signs = self.signs[rows]
        out = None if room is None else room[: len(signs)]
        marks: Floats = np.take(self._octets, signs, axis=0, out=out, mode="clip")
        return marks.reshape(len(signs), -1)[:, : self.dim]

    def room(self) -> Floats:
        """Return room for a block of rows: fresh memory for each would cost more than what is done in it."""
        block = next(row_blocks(len(self.signs), self.dim), slice(0, 0))
        return np.empty((block.stop, self.signs.shape[1], 8), dtype=self._octets.dtype)

    def add_to(self, means: Floats) -> None:
        """Add the mark to `means`, [rows, dim], in place."""
        room = self.room()
        for rows in row_blocks(*means.shape):
            means[rows] += self.of(rows, room=room)

    @cached_property
    def _octets(self) -> Floats:
        """The marks that each byte of signs stands for, [256, 8]."""
        either: Floats = np.array([-self.size, self.size])
        return either[np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)]


def draw_marks(tables: Sequence[Floats], seed: int, *address: str | int) -> list[Mark]:
    """Return a mark for each of `tables`, [rows, dim], all of one size, drawn at the address."""
    numbers = sum(means.size for means in tables)
    size = _SIZE * math.sqrt(sum(map(_squares, tables)) / max(numbers, 1))
    coins = _Coins(generator(seed, "mark", *address))
    marks = []
    for means in tables:
        signs = np.empty((len(means), -(-means.shape[1] // 8)), dtype=np.uint8)
        for rows in row_blocks(*means.shape):
            signs[rows] = np.packbits(coins.toss(rows.stop - rows.start, means.shape[1]), axis=1)
        marks.append(Mark(signs, means.shape[1], means.dtype.type(size)))
    return marks


class _Coins:
    """The draws of `Generator.integers(2)`, faster: the highest bit of each 32 that are drawn."""

    def __init__(self, random: np.random.Generator) -> None:
        self._source = random.bit_generator
        self._left: npt.NDArray[np.int32] = np.empty(0, dtype="<i4")

    def toss(self, rows: int, columns: int) -> npt.NDArray[np.bool_]:
        """Return the next draws, [rows, columns]."""
        count = rows * columns
        words = -(-(count - len(self._left)) // 2)
        drawn = self._source.random_raw(words).astype("<u8", copy=False).view("<i4")
        if len(self._left):
            drawn = np.concatenate([self._left, drawn])
        self._left = drawn[count:].copy()
        return (drawn[:count] < 0).reshape(rows, columns)


def _squares(array: Floats) -> float:
    return float(np.einsum("ij,ij->i", array, array).sum(dtype=np.float64))


def least_response(floor: float, steps: float) -> float:
    """Return the response that a party must have where up to `steps` steps lie between exchanges.

    A training forgets what it started from: over a whole training .7 of the marks come back with 10 steps
    between exchanges, .43 with 20, .19 with 54.
    """
    return floor * min(1.0, _SHORT_SPAN / steps)


@dataclass(frozen=True)
class MarkedEvidence:
    """Sums over rounds. along: products of mark and difference; mark: squared marks; variance: of `along`.

    moved: whether anything moved since the last round.
    """

    along: float = 0.0
    mark: float = 0.0
    variance: float = 0.0
    moved: bool = True

    def plus(self, other: MarkedEvidence) -> MarkedEvidence:
        """Return the evidence of both, with the other's word on movement."""
        return MarkedEvidence(
            self.along + other.along, self.mark + other.mark, self.variance + other.variance, other.moved
        )

    def sums(self) -> tuple[float, ...]:
        """Return the sums, in the order of `of`, and 1 where something moved."""
        return self.along, self.mark, self.variance, float(self.moved)

    @classmethod
    def of(cls, sums: Sequence[float]) -> Self:
        """Return the evidence of `sums`."""
        along, mark, variance, moved = sums
        return cls(along, mark, variance, bool(moved))

    @property
    def tells_early(self) -> bool:
        """Early steps are long, and most of a mark is forgotten; later it stays."""
        return False

    @property
    def still(self) -> bool:
        """Whether there was a mark and nothing moved, not by a bit."""
        return self.mark > 0 and not self.moved

    @property
    def response(self) -> float | None:
        """Share of the marks that came back; None where there was none."""
        return self.along / self.mark if self.mark else None

    @property
    def most(self) -> float | None:
        """The response and two of its standard errors: few rows say little."""
        if self.response is None:
            return None
        return self.response + _STANDARD_ERRORS * math.sqrt(self.variance) / self.mark


@dataclass(frozen=True, eq=False)
class Marked:
    """What a party sent of a table and was told, [rows, dim] each; mark: what was added to the means."""

    vectors: Floats
    told: Floats
    mark: Mark

    def news(self, after: Floats) -> MarkedEvidence:
        """Return the evidence in what it sends next."""
        along = difference = 0.0
        moved, marks = False, self.mark.room()
        room = np.empty((len(marks), after.shape[1]), dtype=np.result_type(after, self.told))
        for rows in row_blocks(*after.shape):
            mark = self.mark.of(rows, room=marks)
            left = np.subtract(self.told[rows], mark, out=room[: len(mark)])
            np.subtract(after[rows], left, out=left)
            along += float(np.einsum("ij,ij->i", left, mark).sum(dtype=np.float64))
            difference += _squares(left)
            moved = moved or not np.array_equal(after[rows], self.vectors[rows])
        squares = after.size * float(self.mark.size) ** 2
        # Under independence each product varies by the squares of both.
        return MarkedEvidence(along, squares, difference * squares / max(after.size, 1), moved)

    def arrays(self) -> Arrays:
        """Return all of it by name."""
        mark = {"signs": self.mark.signs, "size": np.array([self.mark.size])}
        return {"vectors": self.vectors, "told": self.told, **mark}

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Return what `arrays` were made of."""
        told = arrays["told"]
        return cls(arrays["vectors"], told, Mark(arrays["signs"], told.shape[1], arrays["size"][0]))
