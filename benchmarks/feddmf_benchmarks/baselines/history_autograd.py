"""A history tower as it is usually written in torch: dense labels, autograd, and Adam over whole tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from feddmf.interactions import Interactions

__all__ = ["AutogradTower", "train_step"]

_DECAY, _LOSS_SCALE = 1e-4, 100.0


class AutogradTower(nn.Module):
    """The equations of `feddmf.history` over histories and labels that are cut for each batch."""

    def __init__(self, contexts: Tensor, vectors: Tensor, data: Interactions) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag.from_pretrained(contexts.clone(), freeze=False, mode="sum")
        self.vectors = nn.Parameter(vectors.clone())
        share = (torch.from_numpy(data.item_counts()).float() + 0.3) / (data.users + 10)
        self.bias = nn.Parameter(torch.logit(share))
        self.constant = nn.Parameter(torch.zeros(vectors.shape[1]))
        self.activity = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, items: Tensor, starts: Tensor, counts: Tensor, keep: Tensor) -> Tensor:
        """Return logits [users, items]; items, keep: [pairs]; starts, counts: [users]."""
        sums = self.bag(items, starts, per_sample_weights=keep)
        users = torch.tanh(1.5 * sums / torch.sqrt(counts + 5)[:, None] + self.constant)
        shifts = self.activity[0] * (torch.log1p(counts) - 4.5) + self.activity[1]
        logits: Tensor = users @ self.vectors.T + self.bias + shifts[:, None]
        return logits


def train_step(
    tower: AutogradTower,
    adam: torch.optim.Optimizer,
    data: Interactions,
    users: npt.NDArray[np.int64],
    *,
    dropout: float,
) -> float:
    """Take a step on a batch of user codes; return the summed loss of its cells."""
    batch = data.of_users(users)
    items = torch.from_numpy(batch.indices.astype(np.int64))
    counts = torch.from_numpy(batch.user_counts()).float()
    labels = torch.zeros(len(users), data.items)
    labels[torch.from_numpy(batch.rows().astype(np.int64)), items] = 1
    keep = nn.functional.dropout(torch.ones(len(items)), dropout)
    logits = tower(items, torch.from_numpy(batch.indptr[:-1]), counts, keep)
    cells = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    lengths = (tower.bag.weight**2).sum() + (tower.vectors**2).sum()
    adam.zero_grad()
    loss: Tensor = cells / len(users) / _LOSS_SCALE + _DECAY * lengths
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    adam.step()
    return cells.item()
