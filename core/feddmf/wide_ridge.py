"""Reduced-rank ridge regression of many items: the system is factored once, and no table of weights written.

The equations are those of `feddmf.transfer`; E^T X W is only ever multiplied with a few vectors, by sparse
products with X and E and two triangular solutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.errors import RunFailed
from feddmf.incidence import Incidence
from feddmf.leading import leading_eigenvectors

__all__ = ["WideRidge", "is_wide"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# A system of more unknowns, or a table of more weights, takes longer whole than by products.
_MOST_UNKNOWNS = 1536
_MOST_WEIGHTS = 1 << 23


def is_wide(users: int, inputs: int, outputs: int) -> bool:
    """Tell whether a regression of so many users and items is solved by products."""
    unknowns = min(users, inputs)
    return unknowns > _MOST_UNKNOWNS or unknowns * outputs > _MOST_WEIGHTS


@dataclass(frozen=True, eq=False)
class WideRidge:
    """The ridge regression of `outputs` [users, outputs] on `inputs` [users, inputs].

    own: places among the inputs, and among the outputs, of the items that are both; they are fitted without
    themselves.
    """

    inputs: Incidence
    outputs: Incidence
    ridge: float
    own: tuple[Places, Places]

    def reduced(self, rank: int) -> tuple[Floats, Floats, float]:
        """Return contexts [inputs, r], targets [outputs, r], r at most `rank`, and the summed squared error.

        Raises RunFailed where the system has no solution.
        """
        _, targets = leading_eigenvectors(self._metric, self.outputs.columns, rank)
        contexts = self._weights(targets)
        # |E - X C T^T|^2 = |E|^2 - 2 tr(T^T E^T X C) + |X C|^2.
        told = np.vdot(targets, self.outputs.handed(self.inputs, contexts))
        length = np.vdot(contexts, self.inputs.handed(self.inputs, contexts))
        return contexts, targets, float(self.outputs.ones - 2 * told + length)

    @cached_property
    def _factor(self) -> Floats:
        """The lower triangle L of X^T X + r I = L L^T."""
        from scipy import linalg

        system = self.inputs.together(self.inputs)
        system.flat[:: len(system) + 1] += self.ridge
        try:
            # Its transpose is itself, and laid out as the factorization works in place.
            factor: Floats = linalg.cholesky(system.T, lower=True, overwrite_a=True, check_finite=False)
        except linalg.LinAlgError as error:
            raise RunFailed(
                "the ridge regression has no solution: transfer.ridge is too small for what the items share",
                hint="raise transfer.ridge in the run file",
            ) from error
        return factor

    @cached_property
    def _itself(self) -> Floats:
        """What W has at an output that is an input too, before it is taken out: B_jj = 1 - r (A^-1)_jj."""
        from scipy.linalg import lapack

        itself = np.zeros(self.outputs.columns)
        if len(self.own[0]):
            inverse, _ = lapack.dtrtri(self._factor, lower=1)
            itself[self.own[1]] = 1 - self.ridge * np.square(inverse[:, self.own[0]]).sum(axis=0)
        return itself

    def _solved(self, right: Floats) -> Floats:
        from scipy import linalg

        found: Floats = linalg.cho_solve((self._factor, True), right, overwrite_b=True, check_finite=False)
        return found

    def _weights(self, vectors: Floats) -> Floats:
        """Return W times `vectors` [outputs, k], [inputs, k]."""
        scaled = vectors / (1 - self._itself)[:, None]
        found = self._solved(self.inputs.handed(self.outputs, scaled))
        at, of = self.own
        found[at] -= self._itself[of, None] * scaled[of]
        return found

    def _metric(self, vectors: Floats) -> Floats:
        """Return E^T X W, or (X W)^T X W where an output is an input, times `vectors` [outputs, k]."""
        weights = self._weights(vectors)
        at, of = self.own
        if not len(at):
            return self.outputs.handed(self.inputs, weights)
        image = self.inputs.handed(self.inputs, weights)
        found = self.outputs.handed(self.inputs, self._solved(image.copy()))
        found[of] -= self._itself[of, None] * image[at]
        return found / (1 - self._itself)[:, None]
