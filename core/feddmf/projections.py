"""The users' half of a first layer: eq. 1 of the FedDMF paper, W [p; q] = W_u p + W_i q."""

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
    """W p + b of users, [users, hidden]; kept from the second time on, unless all would be too much.

    To write them to memory takes longer than to compute them where they are used: that pays for whoever
    comes again. vectors: [users, dim]; weight: [hidden, dim]; bias: [hidden].
    """

    def __init__(
        self,
        vectors: npt.NDArray[np.floating],
        weight: npt.NDArray[np.floating],
        bias: npt.NDArray[np.floating],
    ) -> None:
        self._vectors, self._weight, self._bias = vectors, weight.T, bias
        self._shape = (len(vectors), len(weight))
        self._rows: Floats | None = None
        blocks = -(-len(vectors) // _STEP)
        self._asked, self._known = np.zeros(blocks, dtype=np.bool_), np.zeros(blocks, dtype=np.bool_)

    def kept(self, users: UserRows) -> Floats | None:
        """Return the projections of `users`, float32 [n, hidden], where all of them were asked for before.

        They are not to be written to. None where they are not kept; from now on they were asked for.
        """
        if not isinstance(users, slice) or self._shape[0] * self._shape[1] > _MOST_KEPT:
            return None
        first, last = users.start // _STEP, -(-users.stop // _STEP)
        if not self._asked[first:last].all():
            self._asked[first:last] = True
            return None
        if self._rows is None:
            self._rows = np.empty(self._shape, dtype=np.float32)
        for block in range(first, last):
            if not self._known[block]:
                rows = slice(block * _STEP, (block + 1) * _STEP)
                self._rows[rows] = self.of(rows)
                self._known[block] = True
        return self._rows[users]

    def of(self, users: UserRows) -> Floats:
        """Return the projections of `users`, float32 [n, hidden], and keep nothing."""
        found = self._vectors[users] @ self._weight
        found += self._bias
        return found.astype(np.float32, copy=False)
