from __future__ import annotations

import numpy as np

from feddmf.kernels.outer import add_outer


def test_lines_add_their_outer_products_to_the_upper_triangle() -> None:
    """Two lines over three columns, written out."""
    out = np.ones((3, 3), dtype=np.int64)
    starts = np.array([0, 2, 2, 4])
    add_outer(starts, np.array([0, 2, 1, 2], dtype=np.int32), np.array([2, 3, 5, 7]), out)
    assert out.tolist() == [[5, 1, 7], [1, 26, 36], [1, 1, 59]]
