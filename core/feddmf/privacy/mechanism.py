"""The Gram release: noisy counts and a noisy item-item matrix, private for each whole user.

Over a fixed list of m items, with n_u the number of them that user u has:

    counts = sum of r_u + N(0, sigma^2 / .1),              r_ui = 1 / sqrt(n_u) where u has i
    gram   = sum of z_u z_u^T + symmetric N(0, sigma_g^2), z_ui = w_i / length where u has i

with w_i = max(counts_i, floor)^-1/4 from the noisy counts, length such that |z_u| = 1, and sigma_g^2 =
sigma^2 / .9 on the diagonal and half of it off the diagonal. A user's history replaced by an empty one moves
the counts by |r_u| <= 1, and the Gram by |z_u z_u^T| = |z_u|^2 <= 1 in the Frobenius norm, in which an entry
off the diagonal counts twice: so .1 / sigma^2 and .9 / sigma^2 add up to the square of 1 / sigma, that is
1 / sigma-GDP (Dong, Roth and Su, "Gaussian differential privacy", 2022).

**Neighbours.** Two tables of the same users, of which one user's row is empty in one of them. The number of
rows n is the same in both, and public: the terms follow from it, and from nothing that is in a row.

**On a grid.** r_u and z_u are cut towards zero to steps of 2^-36 and 2^-18 before they are added, and their
lengths are at most 1 as whole numbers; sums and noise are whole numbers, and only the noisy sum becomes a
floating-point number. So no rounding adds to the sensitivity, the order of users is no matter, and what is
released is a multiple of 2^-36 whatever the data are (Mironov, 2012). Noise is the discrete Gaussian of 2^29
steps or more, so close to the continuous one rounded to the grid, of which all is post-processing, that the
difference is added to delta (`feddmf.privacy.distance`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.kernels.outer import add_outer
from feddmf.privacy.distance import BITS, COUNT_SHARE, GRAM_SHARE, MOST_ITEMS, STEP
from feddmf.privacy.noise import Noise

__all__ = [
    "STEP",
    "GramRelease",
    "check_release",
    "exact_counts",
    "exact_gram",
    "item_weights",
    "release_gram",
]

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

# Below, noise is nothing beside a user; above, it is beyond what the sampler draws.
_LEAST_SIGMA, _MOST_SIGMA = 2.0**-6, 2.0**8
# Sums of more users do not fit whole numbers of 64 bits.
_MOST_USERS = 1 << 26
# Floating-point lengths of rows are better than this: what is cut off a row, so that none is longer than 1.
_ROOM = 1 - 2.0**-32
# Standard deviations of its noise that a count must have before it shapes a weight.
_FLOOR = 5.0
# Draws and entries that are looked at together.
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class GramRelease:
    """All that is taken from the users; whatever is made of it costs no further privacy.

    counts: float64 [m], noisy sums of the users' unit-length rows; gram: float64 [m, m], symmetric;
    sigma: noise multiplier of both together (1 / sigma-GDP); floor: least count behind a weight.
    """

    counts: Floats
    gram: Floats
    sigma: float
    floor: float

    @property
    def weights(self) -> Floats:
        """The weights of the items, [m]."""
        return item_weights(self.counts, self.floor)

    @property
    def gram_sigma(self) -> float:
        """Standard deviation of the noise on the diagonal of the Gram; off it, sqrt(2) times less."""
        return self.sigma / math.sqrt(GRAM_SHARE)


def release_gram(
    data: Interactions, noise: Noise, sigma: float, *, floor: float | None = None
) -> GramRelease:
    """Return noisy counts and Gram of `data`, whose rows are users and whose columns are the fixed item list.

    floor: 5 standard deviations of the counts' noise unless given. Values do not count. Memory: 8 m^2 bytes
    and blocks. Raises InputError for a `sigma` that is no multiplier (2^-6 to 2^8), and for too many users or
    items.
    """
    check_release(data.users, data.items, sigma)
    count_sigma = sigma / math.sqrt(COUNT_SHARE)
    if floor is None:
        floor = _FLOOR * count_sigma
    drawn = _whole(noise.gaussian((data.items,), count_sigma / STEP))
    counts = ((exact_counts(data) + drawn) * STEP).astype(np.float64, copy=False)
    gram = exact_gram(data, item_weights(counts, floor))
    return GramRelease(counts, _noisy(gram, noise, sigma / math.sqrt(GRAM_SHARE) / STEP), sigma, floor)


def check_release(users: int, items: int, sigma: float) -> None:
    """Raise InputError where `release_gram` would, for so many users and items and this noise multiplier."""
    if not _LEAST_SIGMA <= sigma <= _MOST_SIGMA:
        raise InputError(
            f"a noise multiplier of {sigma!r} is outside {_LEAST_SIGMA} and {_MOST_SIGMA:.0f}",
            hint="choose another epsilon, so that the multiplier that belongs to it is within",
        )
    if users > _MOST_USERS:
        raise InputError(
            f"{users} users are more than the {_MOST_USERS} that one release can add up",
            hint="release from fewer users",
        )
    if items > MOST_ITEMS:
        raise InputError(
            f"{items} items are more than the {MOST_ITEMS} for which a release's noise is exact enough",
            hint="share and offer fewer items in private runs",
        )


def exact_counts(data: Interactions) -> Whole:
    """Return the sums of the users' rows of length 1 before noise, [m], in steps."""
    lengths, kinds = np.unique(data.user_counts(), return_inverse=True)
    # The largest whole number of which the square, n_u times, is at most that of a length of 1.
    shares = np.array(
        [math.isqrt(2 ** (4 * BITS) // max(int(length), 1)) for length in lengths], dtype=np.int64
    )
    counts = np.zeros(data.items, dtype=np.int64)
    for first, last in data.blocks():
        pairs = slice(int(data.indptr[first]), int(data.indptr[last]))
        values = np.repeat(shares[kinds[first:last]], np.diff(data.indptr[first : last + 1]))
        np.add.at(counts, data.indices[pairs], values)
    return counts


def item_weights(counts: Floats, floor: float) -> Floats:
    """Return max(count, floor)^-1/4, [m]."""
    weights: Floats = np.maximum(counts, floor) ** -0.25
    return weights


def exact_gram(data: Interactions, weights: Floats) -> Whole:
    """Return the upper triangle of the sum of z_u z_u^T before noise, [m, m], in steps; zeros below it."""
    gram = np.zeros((data.items, data.items), dtype=np.int64)
    for first, last in data.blocks():
        starts = data.indptr[first : last + 1]
        places = data.indices[starts[0] : starts[-1]]
        rows = np.repeat(np.arange(last - first), np.diff(starts))
        squares = np.bincount(rows, weights=np.square(weights)[places], minlength=last - first)
        cut = weights[places] / np.sqrt(squares[rows]) * (_ROOM * 2.0**BITS)
        add_outer(starts - starts[0], places, cut.astype(np.int64), gram)
    return gram


def _noisy(upper: Whole, noise: Noise, sigma: float) -> Floats:
    """Return the whole symmetric matrix with noise of `sigma` steps on its diagonal, in the same memory."""
    size = len(upper)
    gram = upper.view(np.float64)
    upper[np.diag_indices(size)] += _whole(noise.gaussian((size,), sigma))
    band = max(1, _BLOCK // max(size, 1))
    for first in range(0, size, band):
        last = min(first + band, size)
        right = np.arange(size) > np.arange(first, last)[:, None]  # [rows, m]
        drawn = noise.gaussian((int(np.count_nonzero(right)),), sigma / math.sqrt(2))
        upper[first:last][right] += _whole(drawn)
        gram[first:last, first:] = upper[first:last, first:] * STEP
        square = gram[first:last, first:last]
        square[:] = np.triu(square) + np.triu(square, 1).T
        gram[last:, first:last] = gram[first:last, last:].T
    return gram


def _whole(draws: Floats) -> Whole:
    return np.rint(draws).astype(np.int64)
