"""Intervals of any figure that is a function of sums over items, by the bootstrap over items.

A user's cells are not independent, nor an item's; but the users are those whom the party will ask about,
while the hidden items stand for items not yet seen. So items are drawn again, whole, and users are not. The
spread of the replicates gives a standard error; ends lie on the figure's natural scale, by the quantile of
Student's t at as many degrees of freedom as there are items that carry the positive cells. Sources: Efron
and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 12 and 13; Kish, "Survey Sampling" (1965)
for effective numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["LEVEL", "REPLICATES", "Interval", "Resampling", "student_quantile"]

LEVEL = 0.9
"""Nominal coverage of all intervals."""
REPLICATES = 1000
"""Draws of the items: a standard error is then known within some 3 %."""

Floats = npt.NDArray[np.float64]
Scale = Literal["share", "ratio", "difference"]

_Z = 1.6449  # of a normal distribution's middle 90 %, LEVEL
# Shares nearer to 0 or 1 have no logit worth the name.
_EDGE = 1e-9
_MOST_LOG = 50.0


@dataclass(frozen=True)
class Interval:
    """A figure, and the ends of its interval at LEVEL; ends are nan where they cannot be told."""

    value: float
    lower: float
    upper: float

    @property
    def width(self) -> float:
        """Upper end minus lower end."""
        return self.upper - self.lower


@dataclass(frozen=True, eq=False)
class Resampling:
    """The items drawn again and again.

    weights: how often each replicate draws each item, float64 [REPLICATES, items]; carriers: effective number
    of items that carry the positive cells, (sum of theirs)^2 / sum of their squares.
    """

    weights: Floats
    carriers: float

    @classmethod
    def of(cls, truth: npt.NDArray[np.bool_], seed: int) -> Resampling:
        """Draw the items of `truth`, [users, items]."""
        items = truth.shape[1]
        draws = generator(seed, "quality", "bootstrap", items)
        drawn = (
            draws.integers(items, size=(REPLICATES, items)) if items else np.empty((REPLICATES, 0), np.int64)
        )
        places = drawn + items * np.arange(REPLICATES)[:, None]
        weights = np.bincount(places.ravel(), minlength=REPLICATES * items).reshape(REPLICATES, items)
        owners = truth.sum(axis=0, dtype=np.float64)
        return cls(weights.astype(np.float64), float(owners.sum() ** 2 / max(np.square(owners).sum(), 1.0)))

    def interval(
        self,
        figure: Callable[[Floats], Floats],
        *,
        exact: float | None = None,
        scale: Scale = "share",
        allowance: float = 0.0,
    ) -> Interval:
        """Return a figure and its interval, which holds the figure.

        figure: from weights [any, items] to the figure under them, [any]; exact: the figure itself, where
        `figure` knows it but roughly; scale: a share within 0..1, a ratio above 0, or a difference;
        allowance: standard error from elsewhere. Replicates in which the figure has no meaning are left out;
        with fewer than half of them left the ends are nan.
        """
        value = float(figure(np.ones((1, self.weights.shape[1])))[0]) if exact is None else exact
        found = figure(self.weights)
        found = found[~np.isnan(found)]
        if math.isnan(value) or len(found) < REPLICATES / 2:
            return Interval(value, math.nan, math.nan)
        reach = student_quantile(self.carriers - 1) * math.hypot(float(found.std()), allowance)
        return Interval(value, *_ends(value, reach, scale))


def student_quantile(freedom: float) -> float:
    """Return the 95 % quantile of Student's t, for `freedom` of 2 or more within .04; fewer count as 2.

    Source: Abramowitz and Stegun (1964), 26.7.5.
    """
    n, z = max(freedom, 2.0), _Z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def _ends(value: float, reach: float, scale: Scale) -> tuple[float, float]:
    """Return value -+ reach, taken to first order on the logit of a share or the logarithm of a ratio."""
    if scale == "share" and _EDGE < value < 1 - _EDGE:
        odds = value / (1 - value)
        factor = math.exp(min(reach / (value * (1 - value)), _MOST_LOG))
        return odds / factor / (1 + odds / factor), odds * factor / (1 + odds * factor)
    if scale == "ratio" and value > _EDGE:
        factor = math.exp(min(reach / value, _MOST_LOG))
        return value / factor, value * factor
    if scale == "difference":
        return value - reach, value + reach
    return max(0.0, value - reach), min(1.0, value + reach) if scale == "share" else value + reach
