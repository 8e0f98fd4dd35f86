"""Item vectors, user vectors and linear maps from a Gram release: post-processing, at no further cost.

The leading eigenvalues l of the noisy Gram, above the edge sigma_g sqrt(2 m) where those of noise alone end,
are shrunk to sqrt(l^2 - edge^2) (Gavish and Donoho, "Optimal shrinkage of singular values", 2017, for the
Frobenius loss), and give, with the eigenvectors V, the cleaned Gram C = V diag(h) V^T. A ridge regression of
weight r on it has the shares f = h / (h + r), so that with w the weights of the items

    q_i = V_i sqrt(f) / w_i,    p_u = sum of w_i^2 q_i over the user's items / length_u,    y_ui = p_u . q_i
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.linalg

from feddmf.interactions import Interactions
from feddmf.leading import signed
from feddmf.privacy.mechanism import GramRelease
from feddmf.transfer import LinearMap, sum_contexts

__all__ = ["CleanedGram", "directions_of", "ridge_maps", "spectral_vectors", "tower_contexts", "user_vectors"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# The ridge, as a share of the Gram's trace, which is about the number of users; flat between .001 and .01.
_RIDGE_SHARE = 0.003
# Directions of all items among which those of a map are looked for, for each of its own.
_DIRECTIONS = 4


def directions_of(rank: int) -> int:
    """Return how many directions of a cleaned Gram a map of rank `rank` is made from."""
    return _DIRECTIONS * rank


class CleanedGram:
    """The cleaned Gram C of a release, decomposed when it is first asked for, and once.

    most: eigenvalues that are looked for; all who share it must ask for no more.
    """

    def __init__(self, release: GramRelease, most: int) -> None:
        self.release = release
        self._most = most

    def leading(self, count: int) -> tuple[Floats, Floats]:
        """Return up to `count` shrunk eigenvalues h [k], falling, and their eigenvectors V [m, k]."""
        if count > self._most:
            raise ValueError(f"{count} directions of {self._most} that were looked for")
        values, directions = self._decomposed
        return values[:count], directions[:, :count]

    @cached_property
    def _decomposed(self) -> tuple[Floats, Floats]:
        release = self.release
        size = len(release.counts)
        edge = release.gram_sigma * math.sqrt(2 * size)
        if not min(self._most, size):
            return np.zeros(0), np.zeros((size, 0))
        span = [max(size - self._most, 0), size - 1]
        values, vectors = scipy.linalg.eigh(release.gram, subset_by_index=span, check_finite=False)
        kept = values > edge
        shrunk = np.sqrt(np.square(values[kept]) - edge**2)
        return shrunk[::-1], signed(vectors[:, kept][:, ::-1])


def spectral_vectors(cleaned: CleanedGram, dim: int) -> npt.NDArray[np.float32]:
    """Return item vectors, float32 [m, dim], most telling column first.

    Columns of directions that noise alone could make are zero: all of them, where the users are too few for
    the noise.
    """
    release = cleaned.release
    values, directions = cleaned.leading(dim)
    vectors = np.zeros((len(release.counts), dim), dtype=np.float32)
    shares = values / (values + _ridge(release, values))
    vectors[:, : len(values)] = directions * np.sqrt(shares) / release.weights[:, None]
    return vectors


def tower_contexts(vectors: npt.NDArray[np.floating], weights: Floats) -> Floats:
    """Return what an item adds to the vectors of its users, [m, dim], from frozen item vectors [m, dim].

    weights: [m], those of the release. The vectors may have been turned since (alignment), by any amount.
    """
    contexts: Floats = np.square(weights)[:, None] * vectors
    return contexts


def user_vectors(
    data: Interactions, vectors: npt.NDArray[np.floating], weights: Floats
) -> npt.NDArray[np.float32]:
    """Return p_u of the local users, float32 [users, dim], from frozen item vectors; they stay at home.

    data: columns are the m items of the release; a user without any has a zero vector.
    """
    items = np.arange(data.items)
    sums = sum_contexts(data, items, tower_contexts(vectors, weights))
    squares = sum_contexts(data, items, np.square(weights)[:, None])
    return (sums / np.sqrt(np.where(squares > 0, squares, 1.0))).astype(np.float32)


def ridge_maps(cleaned: CleanedGram, inputs: Codes, outputs: Codes, *, rank: int) -> LinearMap:
    """Return the map from item codes `inputs` to `outputs` that follows from the release, of rank `rank`.

    Used as `fit_linear_map`'s: a user's scores are the sum of contexts over its inputs, times targets^T; an
    output that is an input too does not tell itself. loss: mean squared error that the cleaned Gram expects,
    in its own units (rows of unit length); ridge: the weight, in the same. Zero where nothing stands out.
    """
    release = cleaned.release
    values, directions = cleaned.leading(directions_of(rank))
    ridge = _ridge(release, values)
    scaled = directions * np.sqrt(values)  # C = scaled scaled^T
    left, right = scaled[inputs], scaled[outputs]
    # W = left solved right^T solves (C_II + r I) W = C_IO.
    second = left.T @ left
    solved = np.linalg.inv(second + ridge * np.eye(len(values)))
    fitted = second @ solved
    errors = np.eye(len(values)) - 2 * fitted + solved @ second @ fitted
    loss = float(np.vdot(right, right @ errors)) / max(_users(release) * len(outputs), 1.0)
    contexts, targets, itself = left @ solved, right.copy(), np.zeros(len(outputs))
    _, at_input, at_output = np.intersect1d(inputs, outputs, return_indices=True)
    itself[at_output] = np.einsum("od,od->o", contexts[at_input], right[at_output])
    # As `feddmf.transfer` does: B_ij / (1 - B_jj), and 0 at itself.
    targets /= (release.weights[outputs] * (1 - itself))[:, None]
    basis, turn = _leading_targets(targets, fitted @ fitted, rank)
    contexts = contexts @ turn
    lost = itself[at_output] / (1 - itself[at_output]) / release.weights[outputs[at_output]]
    contexts[at_input] -= lost[:, None] * basis[at_output]
    contexts *= release.weights[inputs][:, None]
    effective = basis.shape[1]
    spare = ((0, 0), (0, rank - effective))
    return LinearMap(np.pad(contexts, spare), np.pad(basis, spare), effective, max(loss, 0.0), ridge)


def _ridge(release: GramRelease, values: Floats) -> float:
    """Return the weight of the ridge, positive whatever the noise."""
    return _RIDGE_SHARE * max(_users(release), float(values.max(initial=1.0)))


def _users(release: GramRelease) -> float:
    """Return about how many users are behind the release: each adds 1 to the trace."""
    return float(np.trace(release.gram))


def _leading_targets(targets: Floats, metric: Floats, rank: int) -> tuple[Floats, Floats]:
    """Return an orthonormal basis [outputs, r] of the leading scores, r at most `rank`, and the turn [k, r].

    targets: [outputs, k]; metric: [k, k], second moments of what they are multiplied by.
    """
    basis, triangle = np.linalg.qr(targets)
    spread = triangle @ metric @ triangle.T
    values, vectors = np.linalg.eigh((spread + spread.T) / 2)
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    carried = values > values.max(initial=0.0) * len(metric) * np.finfo(np.float64).eps
    basis = basis @ vectors[:, carried]
    turned = signed(basis)
    signs = np.sign(np.einsum("or,or->r", basis, turned))
    return turned, triangle.T @ vectors[:, carried] * signs
