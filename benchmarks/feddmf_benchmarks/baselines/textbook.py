"""FedDMF of two parties as it is usually written in PyTorch: a data set, a loader, one loss, autograd.

Source: FedDMF paper, eq. 1, 2, 4 and 5. Both parties are trained in one loop, aligned at each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from feddmf.interactions import Interactions
from feddmf.model import START_STD

__all__ = ["Network", "Recipe", "Samples", "Textbook", "draw_epoch"]

Codes = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[np.float32]]
Samples = tuple[Tensor, Tensor, Tensor]
"""Users, items and labels, [samples] each."""


@dataclass(frozen=True)
class Recipe:
    """What is trained, by whomever."""

    dim: int = 32
    hidden: int = 64
    dropout: float = 0.2
    batch: int = 2048
    negatives: int = 4
    learning_rate: float = 3e-3
    beta: float = 10.0
    margin: float = 0.0


class Network(nn.Module):
    """Figure 4 of the paper: embeddings, concatenation, a hidden layer with dropout, a probability."""

    def __init__(self, users: int, items: int, recipe: Recipe) -> None:
        super().__init__()
        self.users = nn.Embedding(users, recipe.dim)
        self.items = nn.Embedding(items, recipe.dim)
        nn.init.normal_(self.users.weight, std=START_STD)
        nn.init.normal_(self.items.weight, std=START_STD)
        self.hidden = nn.Linear(2 * recipe.dim, recipe.hidden)
        self.dropout = nn.Dropout(recipe.dropout)
        self.out = nn.Linear(recipe.hidden, 1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return probabilities for codes [batch]."""
        pair = torch.cat([self.users(users), self.items(items)], dim=1)
        hidden = self.dropout(torch.relu(self.hidden(pair)))
        return torch.sigmoid(self.out(hidden)).squeeze(1)

    def arrays(self) -> Arrays:
        """Return the parameters by the names of `feddmf.model.DeepMF`."""
        user_weight, item_weight = self.hidden.weight.detach().chunk(2, dim=1)
        found = {
            "tower.vectors": self.users.weight,
            "items": self.items.weight,
            "user_weight": user_weight,
            "item_weight": item_weight,
            "bias": self.hidden.bias,
            "out_weight": self.out.weight[0],
            "out_bias": self.out.bias,
        }
        return {name: tensor.detach().numpy().copy() for name, tensor in found.items()}


class _Observations(Dataset[Samples]):
    """The samples of an epoch, one by one."""

    def __init__(self, users: Codes, items: Codes, labels: npt.NDArray[np.float32]) -> None:
        self._users, self._items, self._labels = map(torch.from_numpy, (users, items, labels))

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, at: int) -> Samples:
        return self._users[at], self._items[at], self._labels[at]


class Textbook:
    """Trains a network a party; aligned: for each party its codes of what both sell, in one order."""

    def __init__(
        self, data: Mapping[str, Interactions], aligned: Mapping[str, Codes], recipe: Recipe, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self._random = np.random.default_rng(seed)
        self.data, self.recipe = data, recipe
        self.networks = {party: Network(own.users, own.items, recipe) for party, own in data.items()}
        self._aligned = [torch.from_numpy(aligned[party]) for party in data]
        parameters = [each for network in self.networks.values() for each in network.parameters()]
        self._optimizer = torch.optim.Adam(parameters, lr=recipe.learning_rate)
        self._queue: Iterator[tuple[Samples, ...]] = iter(())

    def train(self, steps: int) -> int:
        """Take so many steps, epoch after epoch; return the number of samples of all parties."""
        return sum(self.step(self._next()) for _ in range(steps))

    def step(self, batches: tuple[Samples, ...]) -> int:
        """Take a step on a batch of each party; return their samples."""
        self._optimizer.zero_grad()
        loss = self.alignment_loss()
        for network, (users, items, labels) in zip(self.networks.values(), batches, strict=True):
            loss = loss + nn.functional.mse_loss(network(users, items), labels)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()
        return sum(len(labels) for _, _, labels in batches)

    def alignment_loss(self) -> Tensor:
        """Return eq. 4 of two parties."""
        left, right = (
            network.items(codes) for network, codes in zip(self.networks.values(), self._aligned, strict=True)
        )
        cosines = nn.functional.cosine_similarity(left, right)
        return self.recipe.beta * torch.clamp(1 - cosines, min=self.recipe.margin).mean()

    def arrays(self) -> dict[str, Arrays]:
        """Return the parties' models."""
        return {party: network.arrays() for party, network in self.networks.items()}

    def epoch(self) -> Iterator[tuple[Samples, ...]]:
        """Yield the batches of an epoch, one of each party, as long as all have one."""
        loaders = [
            DataLoader(
                _Observations(*draw_epoch(own, self.recipe.negatives, self._random)),
                batch_size=self.recipe.batch,
                shuffle=True,
            )
            for own in self.data.values()
        ]
        for batches in zip(*loaders, strict=False):
            yield tuple((users, items, labels) for users, items, labels in batches)

    def _next(self) -> tuple[Samples, ...]:
        found = next(self._queue, None)
        if found is None:
            self._queue = self.epoch()
            found = next(self._queue)
        return found


def draw_epoch(
    data: Interactions, negatives: int, random: np.random.Generator
) -> tuple[Codes, Codes, npt.NDArray[np.float32]]:
    """Return users, items and labels of all pairs and of `negatives` unobserved cells for each, [samples]."""
    observed = data.rows().astype(np.int64) * data.items + data.indices
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < negatives * data.pairs:
        cells = random.integers(data.users * data.items, size=negatives * data.pairs)
        drawn = np.concatenate([drawn, cells[~np.isin(cells, observed)]])
    cells = np.concatenate([observed, drawn[: negatives * data.pairs]])
    users, items = np.divmod(cells, data.items)
    return users, items, (np.arange(len(cells)) < data.pairs).astype(np.float32)
