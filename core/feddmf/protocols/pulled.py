"""The response of a party whose vectors are pulled by eq. 4.

It is the cosine between how the party's vectors moved from exchange to exchange and the way their targets
pulled them. A party that trains under eq. 5 has .4 to .9; noise, frozen vectors, and frozen vectors with
a little noise on them have 0. Single rounds say little once the vectors are aligned, since what is left
of the pull is then smaller than the steps of the optimiser; in the sums the rounds count by how hard they
pulled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from feddmf.alignment import unit_rows
from feddmf.blocks import row_blocks
from feddmf.protocols.base import Arrays

__all__ = ["Pulled", "PulledEvidence"]

Floats = npt.NDArray[np.floating]

# Squared length under which a pull is rounding error of float32 unit vectors.
_STILL = 1e-10


@dataclass(frozen=True)
class PulledEvidence:
    """Sums over the rows that were pulled, of all rounds so far.

    along: scalar products of movement and pull; movement, pull: their squared lengths.
    """

    along: float = 0.0
    movement: float = 0.0
    pull: float = 0.0

    def add(self, before: Floats, after: Floats, targets: Floats) -> PulledEvidence:
        """Take in one round: unit rows before and after [rows, dim], and the targets in between.

        The pull is the part of a target that is tangent to the unit sphere. Rows that nothing pulls,
        because their target is zero or they are on it, do not count.
        """
        pull = targets - np.einsum("ij,ij->i", targets, before)[:, None] * before
        pulled = np.einsum("ij,ij->i", pull, pull) > _STILL
        pull, movement = pull[pulled], (after - before)[pulled]
        return self.plus(
            PulledEvidence(
                _sum_of_products(movement, pull),
                _sum_of_products(movement, movement),
                _sum_of_products(pull, pull),
            )
        )

    def plus(self, other: PulledEvidence) -> PulledEvidence:
        """Return the sums of both."""
        return PulledEvidence(
            self.along + other.along, self.movement + other.movement, self.pull + other.pull
        )

    def sums(self) -> tuple[float, ...]:
        """Return the sums, in the order of `of`."""
        return self.along, self.movement, self.pull

    @classmethod
    def of(cls, sums: Sequence[float]) -> Self:
        """Return the evidence of `sums`."""
        return cls(*sums)

    @property
    def tells_early(self) -> bool:
        """Whatever is pulled moves from the first round on."""
        return True

    @property
    def still(self) -> bool:
        """Whether something pulled and nothing moved, not by a bit."""
        return self.pull > 0 and self.movement == 0

    @property
    def response(self) -> float | None:
        """Cosine of movement and pull; 0 for vectors that never moved, None where nothing has pulled."""
        if not self.pull:
            return None
        return self.along / math.sqrt(self.movement * self.pull) if self.movement else 0.0

    @property
    def most(self) -> float | None:
        """The response itself: chance alone moves it little."""
        return self.response


@dataclass(frozen=True, eq=False)
class Pulled:
    """What a party sent of a table, and the targets that it was told, [rows, dim] each.

    pulling: bool [rows], whether a target pulls now.
    """

    vectors: Floats
    told: Floats
    pulling: npt.NDArray[np.bool_]

    def news(self, after: Floats) -> PulledEvidence:
        """Return the evidence in what it sends next."""
        found = PulledEvidence()
        for rows in row_blocks(*after.shape):
            pulls = self.told[rows] * self.pulling[rows, None]
            found = found.add(unit_rows(self.vectors[rows]), unit_rows(after[rows]), pulls)
        return found

    def arrays(self) -> Arrays:
        """Return all of it by name."""
        return {"vectors": self.vectors, "told": self.told, "pulling": self.pulling}

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Return what `arrays` were made of."""
        return cls(arrays["vectors"], arrays["told"], arrays["pulling"])


def _sum_of_products(left: Floats, right: Floats) -> float:
    return float(np.einsum("ij,ij->", left, right, dtype=np.float64))
