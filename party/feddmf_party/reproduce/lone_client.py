"""What the upload of a single user tells: why contributions are of parties, and never of one user.

With one user u the gradient of every item lies along its factor x (`feddmf.als.gradient`):

    g_i = 2 (x . y_i) x             where u does not have item i
    g_i = 2 c (x . y_i - 1) x       where u has it

so whoever knows the item factors Y, as everybody in a run does, sees which items are out of proportion.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["recover_items"]

Floats = npt.NDArray[np.float64]

_TOLERANCE = 1e-6


def recover_items(gradient: Floats, factors: Floats) -> npt.NDArray[np.bool_]:
    """Return which items the one user behind `gradient` has, bool [items].

    gradient, factors: [items, rank]. Works where fewer than half of the items are the user's.
    """
    direction = np.linalg.svd(gradient, full_matrices=False)[2][0]
    along, seen = gradient @ direction, factors @ direction
    # Items that the user does not have share one proportion, and are most of them.
    usual = np.median(along / seen)
    off = np.abs(along - usual * seen)
    has: npt.NDArray[np.bool_] = off > _TOLERANCE * off.max()
    return has
