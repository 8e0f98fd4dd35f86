"""The response of a party whose vectors are replaced by the mean of all owners' vectors.

Training undoes in part what tying did, so movement and pull say nothing. Instead the mean that each party is
told carries a small mark of its own, random signs that nothing in its data goes along with. Whoever goes on
from what it was told carries the mark back: the regression of the difference to the mean on the mark is
about 1 for it, and 0 for noise, for frozen vectors, and for a party that trains alone. It is the lock-in
amplifier of the laboratory: over many rows a mark shows that is far smaller than the steps of training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["Marked", "MarkedEvidence", "draw_mark", "least_response"]

Floats = npt.NDArray[np.floating]

# Size of a mark beside that of the vectors which carry it.
_SIZE = 0.2
_STANDARD_ERRORS = 2
# Steps between two exchanges after which most of a mark is still there.
_SHORT_SPAN = 10


def draw_mark(means: Floats, seed: int, *address: str | int) -> Floats:
    """Return a mark for `means` [rows, dim]: signs of one size, drawn at the address."""
    size = _SIZE * math.sqrt(float(np.mean(np.square(means, dtype=np.float64)))) if means.size else 0.0
    signs = generator(seed, "mark", *address).integers(2, size=means.shape) * 2 - 1
    mark: Floats = (signs * size).astype(means.dtype)
    return mark


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
    """What a party sent, the means without its mark, and the mark, [rows, dim] each."""

    vectors: Floats
    means: Floats
    mark: Floats

    def split(self, tables: int) -> list[Marked]:
        """Return the parts of `tables` tables that are stacked."""
        parts = (np.split(each, tables) for each in (self.vectors, self.means, self.mark))
        return [Marked(*part) for part in zip(*parts, strict=True)]

    def news(self, after: Floats) -> MarkedEvidence:
        """Return the evidence in what it sends next."""
        difference, mark = (each.astype(np.float64) for each in (after - self.means, self.mark))
        squares = float(np.square(mark).sum())
        # Under independence each product varies by the squares of both.
        variance = float(np.square(difference).sum()) * squares / max(mark.size, 1)
        moved = not np.array_equal(after, self.vectors)
        return MarkedEvidence(float((difference * mark).sum()), squares, variance, moved)
