"""A history tower in one of the variants; torch. Product: `feddmf.history`."""

from __future__ import annotations

import math

import numpy as np
import torch
from benchmarks.towers.variants import Variant
from torch import Tensor, nn

from feddmf.history import HistoryModel
from feddmf.history_vectors import DAMPING
from feddmf.interactions import Interactions

__all__ = ["VariantTower"]

# Of the softmax in the loss "both".
_SOFTMAX_SHARE = 0.1
# Of an item that there is not: no softmax gives it anything.
_NOWHERE = -1e9


class VariantTower(HistoryModel):
    """Tables [items, dim] as they start, and what `variant` adds to them."""

    def __init__(
        self, contexts: Tensor, vectors: Tensor, data: Interactions, variant: Variant, draws: torch.Generator
    ) -> None:
        super().__init__(contexts, vectors, data)
        self.variant = variant
        dim = vectors.shape[1]
        self.extra = nn.ParameterDict()
        if variant.id_rate:
            self.extra["ids"] = torch.zeros(data.users, dim)
        if variant.layer:
            first = torch.randn(dim, variant.layer, generator=draws) / math.sqrt(dim)
            self.extra |= {"first": first, "bias": torch.zeros(variant.layer)}
            self.extra["last"] = torch.zeros(variant.layer, dim)
        buyers = torch.from_numpy(data.item_counts()).to(vectors.dtype)
        weights = (buyers + 1) ** -variant.popularity
        self.register_buffer("weights", weights * buyers.sum() / (weights * buyers).sum())

    def vectors_of(
        self, users: Tensor, items: Tensor, offsets: Tensor, counts: Tensor, keep: Tensor
    ) -> Tensor:
        """Return vectors [users, dim] of the user codes `users`; the rest as in `HistoryModel.users`."""
        sums = nn.functional.embedding_bag(items, self.contexts, offsets, mode="sum", per_sample_weights=keep)
        inside = self.variant.scale * sums / torch.sqrt(counts + DAMPING)[:, None] + self.constant
        if "ids" in self.extra:
            inside = inside + self.extra["ids"][users]
        found = torch.tanh(inside) if self.variant.tanh else inside
        if "first" in self.extra:
            hidden = torch.relu(found @ self.extra["first"] + self.extra["bias"])
            found = found + hidden @ self.extra["last"]
        return found

    def loss(self, logits: Tensor, at: Tensor, confidence: Tensor, seen: Tensor) -> Tensor:
        """Return the loss of a block of logits [users, items], summed over the users.

        at: the positive cells as user * items + item; confidence: what each weighs; seen: [items], 1 or 0.
        """
        positive = logits.flatten()[at]
        total = logits.new_zeros(())
        if self.variant.loss != "softmax":
            weights = self.weights * seen
            all_off = (nn.functional.softplus(logits) * weights).sum()
            turned = confidence * nn.functional.softplus(-positive) - nn.functional.softplus(positive)
            total = total + all_off + (turned * weights[at % logits.shape[1]]).sum()
        if self.variant.loss != "cells":
            shares = torch.log_softmax(logits + _NOWHERE * (1 - seen), dim=1)
            share = 1.0 if self.variant.loss == "softmax" else _SOFTMAX_SHARE
            total = total - share * shares.flatten()[at].sum()
        return total

    @torch.no_grad()
    def all_vectors(self, data: Interactions, value_weights: Tensor) -> np.ndarray:
        """Return the vectors of all users of `data`, float32 [users, dim]; value_weights: [pairs]."""
        items = torch.from_numpy(data.indices.astype(np.int64))
        counts = torch.from_numpy(data.user_counts()).float()
        offsets = torch.from_numpy(data.indptr[:-1])
        return self.vectors_of(torch.arange(data.users), items, offsets, counts, value_weights).numpy()
