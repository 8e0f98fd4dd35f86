"""Scores of a party's users for item vectors, without torch: each side is projected once (eq. 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Scorer"]

Floats = npt.NDArray[np.float32]

# Cells scored at once: hidden activations of a block stay within some 64 MiB.
_BLOCK_FLOATS = 1 << 24


@dataclass(frozen=True, eq=False)
class Scorer:
    """The trained arrays that a score needs; see `feddmf.model` for their shapes."""

    user_vectors: Floats  # [users, dim]
    user_weight: Floats  # [hidden, dim]
    item_weight: Floats  # [hidden, dim]
    bias: Floats  # [hidden]
    out_weight: Floats  # [hidden]
    out_bias: Floats  # [1]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Scorer:
        """Take the arrays of a model with an id tower."""
        return cls(
            user_vectors=arrays["tower.vectors"],
            user_weight=arrays["user_weight"],
            item_weight=arrays["item_weight"],
            bias=arrays["bias"],
            out_weight=arrays["out_weight"],
            out_bias=arrays["out_bias"],
        )

    def project_users(self, users: npt.NDArray[np.int64]) -> Floats:
        """Return the user half of the first layer for user codes [n], as [n, hidden]."""
        projected: Floats = self.user_vectors[users] @ self.user_weight.T + self.bias
        return projected

    def probabilities(self, projected: Floats, item_vectors: Floats) -> Floats:
        """Return probabilities [users, items] of projected users [users, hidden] for vectors [items, dim]."""
        items = item_vectors @ self.item_weight.T  # [items, hidden]
        logits = np.empty((len(projected), len(items)), dtype=np.float32)
        step = max(1, _BLOCK_FLOATS // max(1, items.size))
        for start in range(0, len(projected), step):
            hidden = np.maximum(projected[start : start + step, None, :] + items, 0)  # [step, items, hidden]
            logits[start : start + step] = hidden @ self.out_weight + self.out_bias
        with np.errstate(over="ignore"):  # exp of a very negative logit overflows to a probability of 0
            np.exp(-logits, out=logits)
        probabilities: Floats = np.reciprocal(logits + np.float32(1))
        return probabilities
