"""What releases cost: epsilon at a delta, by privacy loss distributions.

Releases of noise multipliers s_1, s_2, ... are one Gaussian mechanism of multiplier 1 / sqrt(sum 1 / s^2)
together, whatever made a party ask for the later ones (Dong, Roth and Su, "Gaussian differential privacy",
2022). Its privacy loss distribution is that of dp-accounting, on a grid and rounded up. What the sampler
differs by from a Gaussian is added to delta.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from feddmf.errors import InputError
from feddmf.privacy.ceilings import mu_of
from feddmf.privacy.distance import delta_of, distance_of

if TYPE_CHECKING:
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

__all__ = ["MOST_EPSILON", "default_delta", "default_epsilon", "epsilon_of", "least_users", "sigma_for"]

MOST_EPSILON = 15.0
"""Largest epsilon of one release: e^epsilon times what the sampler is off by is nothing beside any delta."""

_MOST_DELTA = 1e-5
# Users from which a release of this epsilon still teaches something, most users first.
_BEARABLE = ((20_000, 1.0), (3_000, 4.0))
# Of the grid of losses, for a mu of 1 or less.
_INTERVAL = 1e-4
# Multipliers are looked for to this share of them.
_PRECISION = 1e-4
# Epsilons, by how much one may grow while the sampler's share of delta is settled.
_SETTLED = 1e-9
_MOST_TURNS = 64


def sigma_for(epsilon: float, delta: float) -> float:
    """Return the noise multiplier of one (epsilon, delta)-private release, least but for 2e-4 of it.

    `epsilon_of` one such release is at most `epsilon`. Raises InputError unless 0.01 <= epsilon <= 15 and
    0 < delta < 1.
    """
    if not 0.01 <= epsilon <= MOST_EPSILON:  # noqa: PLR2004  (said in the message)
        raise InputError(
            f"an epsilon of {epsilon!r} is outside 0.01 and {MOST_EPSILON:g}",
            hint=f"give an epsilon between 0.01 and {MOST_EPSILON:g}; 1 is strong, 10 is weak",
        )
    _check_delta(delta)
    low, high = math.log(2.0**-6), math.log(2.0**10)
    while high - low > _PRECISION / 4:
        middle = (low + high) / 2
        low, high = (middle, high) if _gaussian_delta(math.exp(middle), epsilon) > delta else (low, middle)
    sigma = math.exp(high)
    # The closed form is the start; what decides is what the accountant will charge.
    while epsilon_of([sigma], delta) > epsilon:
        sigma *= 1 + _PRECISION
    return sigma


def epsilon_of(sigmas: Sequence[float], delta: float) -> float:
    """Return the epsilon at `delta` of all releases with these multipliers together; 0 for none.

    Infinite where there are so many, or so weak ones, that what the sampler is off by is more than `delta`.
    Raises InputError for a multiplier that is not positive and finite, or unless 0 < delta < 1.
    """
    _check_delta(delta)
    if not all(0 < sigma < math.inf for sigma in sigmas):
        raise InputError(
            "a noise multiplier is not positive and finite",
            hint="a release without noise has no epsilon; it cannot be charged",
        )
    return _epsilon(1 / mu_of(*sigmas), delta, sum(map(distance_of, sigmas))) if sigmas else 0.0


def default_delta(users: int) -> float:
    """Return min(1e-5, 1 / users^1.1)."""
    return min(_MOST_DELTA, math.pow(max(users, 1), -1.1))


def default_epsilon(users: int) -> float | None:
    """Return the epsilon at which so many users still teach: 1 from 20,000, 4 from 3,000, else None."""
    return next((epsilon for least, epsilon in _BEARABLE if users >= least), None)


def least_users(epsilon: float) -> int:
    """Return how many users still teach at `epsilon`; at one below all defaults, as many as for the least."""
    return min((least for least, bearable in _BEARABLE if epsilon >= bearable), default=_BEARABLE[0][0])


@lru_cache(maxsize=256)
def _epsilon(sigma: float, delta: float, distance: float) -> float:
    """Return the least epsilon at which Gaussian and `distance` together cost `delta` at most."""
    losses = _losses(sigma)
    epsilon = 0.0
    for _ in range(_MOST_TURNS):
        left = delta - delta_of(distance, epsilon + _SETTLED)
        if left <= 0:
            return math.inf
        before, epsilon = epsilon, float(losses.get_epsilon_for_delta(left))
        if epsilon <= before + _SETTLED:
            return epsilon
    return math.inf


@lru_cache(maxsize=32)
def _losses(sigma: float) -> PrivacyLossDistribution:
    # Takes seconds to load, and most processes never ask.
    from dp_accounting.pld import privacy_loss_distribution

    return privacy_loss_distribution.from_gaussian_mechanism(
        sigma, value_discretization_interval=_INTERVAL * max(1.0, 1 / sigma)
    )


def _gaussian_delta(sigma: float, epsilon: float) -> float:
    """Return the delta of the Gaussian mechanism (Balle and Wang, 2018, theorem 8)."""
    shift, half = epsilon * sigma, 1 / (2 * sigma)
    return _normal(half - shift) - math.exp(epsilon) * _normal(-half - shift)


def _normal(value: float) -> float:
    return math.erfc(-value / math.sqrt(2)) / 2


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise InputError(
            f"a delta of {delta!r} is not between 0 and 1", hint="leave delta out, or give one such as 1e-5"
        )
