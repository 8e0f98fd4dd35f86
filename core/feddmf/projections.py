"""The users' half of a first layer, computed once: eq. 1 of the FedDMF paper, W [p; q] = W_u p + W_i q."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.user_rows import UserRows

__all__ = ["Projections"]

Floats = npt.NDArray[np.float32]

# Rows of all users are kept where they take no more than 512 MiB.
_MOST_KEPT = 1 << 27
# Users projected at once: what they need stays in a core's cache.
_STEP = 2048


class Projections:
    """W p + b of users, [users, hidden]; what was asked for once is kept, unless all would be too much.

    vectors: [users, dim]; weight: [hidden, dim]; bias: [hidden].
    """

    def __init__(
        self,
        vectors: npt.NDArray[np.floating],
        weight: npt.NDArray[np.floating],
        bias: npt.NDArray[np.floating],
    ) -> None:
        self._vectors, self._weight, self._bias = vectors, weight.T, bias
        shape = (len(vectors), len(weight))
        self._kept: Floats | None = None
        if shape[0] * shape[1] <= _MOST_KEPT:
            self._kept = np.empty(shape, dtype=np.float32)
        self._known = np.zeros(-(-len(vectors) // _STEP), dtype=np.bool_)

    def of(self, users: UserRows) -> Floats:
        """Return the projections of `users`, float32 [n, hidden]; not to be written to."""
        if self._kept is None or not isinstance(users, slice):
            return self._projected(users)
        for block in range(users.start // _STEP, -(-users.stop // _STEP)):
            if not self._known[block]:
                rows = slice(block * _STEP, (block + 1) * _STEP)
                self._kept[rows] = self._projected(rows)
                self._known[block] = True
        return self._kept[users]

    def _projected(self, users: UserRows) -> Floats:
        found = self._vectors[users] @ self._weight
        found += self._bias
        return found.astype(np.float32, copy=False)
