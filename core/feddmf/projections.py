"""The users' half of a first layer: eq. 1 of the FedDMF paper, W [p; q] = W_u p + W_i q."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.user_rows import UserRows

__all__ = ["Projection", "projection_of"]

Floats = npt.NDArray[np.float32]

# Users projected at once: what they need stays in a core's cache.
_STEP = 2048


@dataclass(frozen=True, eq=False)
class Projection:
    """W p + b of users; vectors: [users, dim]; weight: [hidden, dim]; bias: [hidden]."""

    vectors: npt.NDArray[np.floating]
    weight: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating]

    @property
    def shape(self) -> tuple[int, int]:
        """Users and hidden units."""
        return len(self.vectors), len(self.weight)

    def of(self, users: UserRows) -> Floats:
        """Return the projections of `users`, float32 [n, hidden]."""
        found = self.vectors[users] @ self.weight.T
        found += self.bias
        return found.astype(np.float32, copy=False)

    def blocks(self) -> Iterator[Floats]:
        """Yield the projections of all users, float32 [some, hidden] each."""
        for start in range(0, len(self.vectors), _STEP):
            yield self.of(slice(start, start + _STEP))


def projection_of(arrays: Mapping[str, npt.NDArray[Any]]) -> Projection | None:
    """Return the users' half of the first layer of a model's arrays; None for a model without an id tower."""
    try:
        return Projection(arrays["tower.vectors"], arrays["user_weight"], arrays["bias"])
    except KeyError:
        return None
