"""DeepMF: a score for a user vector and an item vector. Source: FedDMF paper, eq. 1 and figure 4.

The first layer over the concatenation [p; q] splits into a user half and an item half, so each side
is projected once and a score costs one addition, one ReLU and one dot product:

    y = sigmoid(w . relu(W_u p + b + W_i q) + c)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from feddmf.randomness import counter_seed
from feddmf.runfile import ModelSettings

__all__ = ["START_STD", "DeepMF", "IdTower", "UserTower", "fresh_model", "normal"]

START_STD = 0.1
"""Standard deviation of user and item vectors at the start."""


class UserTower(Protocol):
    """Where user vectors come from; called with user codes [batch], answers [batch, dim]."""

    def __call__(self, users: Tensor) -> Tensor:
        """Return the vectors of `users`, [batch, dim]."""
        ...

    def parameters(self) -> list[Tensor]:
        """Return the trainable tensors."""
        ...


class IdTower(nn.Module):
    """One free vector a user (the paper's user embedding); never leaves the party."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(start)  # [users, dim]

    def forward(self, users: Tensor) -> Tensor:
        """Return the vectors of user codes [batch], as [batch, dim]."""
        return nn.functional.embedding(users, self.vectors)


class DeepMF(nn.Module):
    """User tower, item table, and the layers between them and the score."""

    def __init__(self, tower: nn.Module, items: Tensor, *, hidden: int, dropout: float, seed: int) -> None:
        super().__init__()
        dim = items.shape[1]
        self.tower = tower
        self.items = nn.Parameter(items)  # [items, dim]
        # Uniform in +-1/sqrt(fan in) as in torch.nn.Linear, where fan in is that of [p; q].
        bound = (2 * dim) ** -0.5
        self.user_weight = nn.Parameter(_uniform((hidden, dim), bound, seed, "user_weight"))
        self.item_weight = nn.Parameter(_uniform((hidden, dim), bound, seed, "item_weight"))
        self.bias = nn.Parameter(_uniform((hidden,), bound, seed, "bias"))
        self.out_weight = nn.Parameter(_uniform((hidden,), hidden**-0.5, seed, "out_weight"))
        self.out_bias = nn.Parameter(_uniform((1,), hidden**-0.5, seed, "out_bias"))
        self.dropout = dropout

    def forward(self, users: Tensor, items: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return logits [batch] for codes users, items [batch]; keep: [batch, hidden] dropout mask."""
        item_vectors = nn.functional.embedding(items, self.items)
        return self.logits(self.project_users(self.tower(users)), self.project_items(item_vectors), keep)

    def logits(self, users: Tensor, items: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return logits [batch] for projected users and items [batch, hidden]; keep: dropout mask."""
        hidden = torch.relu(users + items)
        if keep is not None:
            hidden = hidden * keep
        return hidden @ self.out_weight + self.out_bias

    def project_users(self, vectors: Tensor) -> Tensor:
        """Return the user half of the first layer, [batch, hidden]."""
        return nn.functional.linear(vectors, self.user_weight, self.bias)

    def project_items(self, vectors: Tensor) -> Tensor:
        """Return the item half of the first layer, [batch, hidden]."""
        return vectors @ self.item_weight.T

    def arrays(self) -> Mapping[str, Tensor]:
        """Return every trained tensor by name."""
        return {name: tensor.detach() for name, tensor in self.named_parameters()}


def fresh_model(users: int, items: Tensor, settings: ModelSettings, *, seed: int, party: str) -> DeepMF:
    """Return an untrained model over item vectors `items` [items, dim]; users are drawn for `party`."""
    vectors = normal((users, items.shape[1]), START_STD, seed, party, "users")
    return DeepMF(IdTower(vectors), items, hidden=settings.hidden_dim, dropout=settings.dropout, seed=seed)


def normal(shape: tuple[int, ...], std: float, seed: int, *address: str | int) -> Tensor:
    """Return float32 draws from N(0, std) at a counter address."""
    return torch.randn(shape, generator=_generator(seed, *address)) * std


def _uniform(shape: tuple[int, ...], bound: float, seed: int, *address: str | int) -> Tensor:
    return (torch.rand(shape, generator=_generator(seed, *address)) * 2 - 1) * bound


def _generator(seed: int, *address: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(counter_seed(seed, *address) % 2**63)
