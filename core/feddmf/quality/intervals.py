"""Intervals of any figure that is a function of sums over items, by the bootstrap over items.

A user's cells are not independent, nor an item's; but the users are those whom the party will ask about,
while the hidden items stand for items not yet seen. So items are drawn again, whole, and users are not.
Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["LEVEL", "REPLICATES", "Interval", "bootstrap", "resampled_items"]

LEVEL = 0.9
"""Nominal coverage of all intervals."""
REPLICATES = 1000
"""Draws of the items: the ends of a 90 % interval then move by some 3 % of its width from seed to seed."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure, and the ends of its interval at LEVEL; all nan where the figure has no meaning."""

    value: float
    lower: float
    upper: float

    @property
    def width(self) -> float:
        """Upper end minus lower end."""
        return self.upper - self.lower


def resampled_items(items: int, seed: int) -> Floats:
    """Return how often each replicate draws each item, float64 [REPLICATES, items]; rows sum to `items`."""
    draws = generator(seed, "quality", "bootstrap", items)
    return draws.multinomial(items, np.full(items, 1 / items), size=REPLICATES).astype(np.float64)


def bootstrap(figure: Callable[[Floats], Floats], weights: Floats, *, exact: float | None = None) -> Interval:
    """Return the interval of a figure over the replicates `weights` [replicates, items].

    figure: from weights [any, items] to the figure under them, [any]. exact: the figure itself where `figure`
    is computed on rounded scores; the interval is moved by what rounding changes. Replicates in which the
    figure has no meaning are left out; fewer than half of them leave an interval of nan.
    """
    rounded = float(figure(np.ones((1, weights.shape[1])))[0])
    value = rounded if exact is None else exact
    found = figure(weights)
    found = found[~np.isnan(found)]
    if math.isnan(value) or len(found) < len(weights) / 2:
        return Interval(value, math.nan, math.nan)
    lower, upper = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) + (value - rounded)
    return Interval(value, min(float(lower), value), max(float(upper), value))
