"""The rotation that takes rows nearest to others (Schoenemann, 1966); numpy, pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["rotation_to"]


def rotation_to(
    vectors: npt.NDArray[np.floating], targets: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Return the orthogonal R [dim, dim] for which |vectors R - targets| is least, [rows, dim] each."""
    left, _, right = np.linalg.svd(vectors.astype(np.float64).T @ targets.astype(np.float64))
    turn: npt.NDArray[np.float64] = left @ right
    return turn
