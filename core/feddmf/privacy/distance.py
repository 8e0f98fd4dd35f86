"""How far what the sampler draws is from the Gaussian noise that is accounted for.

Drawn is the discrete Gaussian on a grid; accounted for is the continuous one, rounded to the grid, which is
post-processing of it. With s the standard deviation in steps, 2^29 or more, the logarithm of their ratio at y
is (y^2 / s^2 - 1) / (24 s^2) up to terms of s^-4, so that one draw's divergence (Kullback and Leibler) is
under 1 / (288 s^4). Divergences of N draws add up, whatever the later ones depend on, and by Pinsker's
inequality all together are within

    sqrt(N / 576) / s^2,    and 2^-120 a draw for cut-off tails and the sampler's own bits (`SystemNoise`)

in statistical distance. A mechanism that is (epsilon, delta)-private is so with delta + d (1 + e^epsilon)
when its noise is exchanged for one at distance d: each of the two tables that are told apart has its own.
"""

from __future__ import annotations

import math

__all__ = ["BITS", "COUNT_SHARE", "GRAM_SHARE", "MOST_ITEMS", "STEP", "delta_of", "distance_of"]

BITS = 18
STEP = 2.0 ** (-2 * BITS)
"""What one step of counts and Gram is worth."""

COUNT_SHARE, GRAM_SHARE = 0.1, 0.9
"""Of a release's 1 / sigma^2, what counts and Gram each take."""

MOST_ITEMS = 100_000
"""Items for which the distance holds; their matrix has 80 GB."""

_DRAWS = MOST_ITEMS * (MOST_ITEMS + 3) // 2
# Terms of higher order, many times over.
_ROOM = 1.01
_A_DRAW = 2.0**-120
_MOST_EXPONENT = 700.0


def distance_of(sigma: float) -> float:
    """Return the statistical distance of a release of multiplier `sigma` from the one accounted for."""
    least = sigma / math.sqrt(2 * GRAM_SHARE) / STEP
    return _ROOM * math.sqrt(_DRAWS / 576) / least**2 + _DRAWS * _A_DRAW


def delta_of(distance: float, epsilon: float) -> float:
    """Return what `distance` adds to delta at `epsilon`; infinite where it is beyond all numbers."""
    return distance * (1 + math.exp(epsilon)) if epsilon < _MOST_EXPONENT else math.inf
