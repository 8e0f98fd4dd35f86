"""Starting vectors that every party and the coordinator draw alike, item by item, from the key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["keyed_normal"]


def keyed_normal(keys: Sequence[str], dim: int, std: float, seed: int) -> npt.NDArray[np.float64]:
    """Return draws from N(0, std), float64 [keys, dim]; a key's row does not depend on the other keys.

    No party knows the keys of the others, so a table that all share can only be drawn row by row.
    """
    rows = [generator(seed, "start", key).standard_normal(dim) for key in keys]
    return np.stack(rows) * std if rows else np.empty((0, dim))
