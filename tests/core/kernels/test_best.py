"""The heaps of the best rows: what is kept is the best, and the worst of it stands at the root."""

from __future__ import annotations

import numpy as np

from feddmf.kernels.best import keep_best


def test_the_worst_kept_row_is_at_the_root() -> None:
    """Of equal scores the later row; a row that is only as good as the worst does not come in."""
    kept, rows = np.zeros((1, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.int32)
    keep_best(np.array([[1], [2]], dtype=np.float32), 0, kept, rows)
    keep_best(np.array([[1], [1], [3], [2]], dtype=np.float32), 2, kept, rows)
    assert (kept[0, 0], rows[0, 0]) == (2, 5)
    assert sorted(zip(kept[0].tolist(), rows[0].tolist(), strict=True)) == [(2, 1), (2, 5), (3, 4)]
