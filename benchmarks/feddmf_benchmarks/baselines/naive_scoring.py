"""Scores as they are usually written in torch: concatenated inputs, batches, and torch.topk an attribute."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.functional import embedding_bag, linear, normalize

from feddmf_benchmarks.finished_runs import OWNER, Made

__all__ = ["ConcatTower", "HistoryModel", "SplitTower", "top_users"]

_BATCH = 1 << 16


class ConcatTower:
    """Eq. 1 of the FedDMF paper as written: both layers over [p; q] for each user and attribute."""

    def __init__(self, made: Made) -> None:
        of = {name: torch.from_numpy(array) for name, array in made.arrays.items()}
        self.users, self._published = of["tower.vectors"], torch.from_numpy(made.published)
        self._first = torch.cat([of["user_weight"], of["item_weight"]], dim=1)
        self._bias, self._out, self._out_bias = of["bias"], of["out_weight"], of["out_bias"]

    def scores(self, attribute: int) -> torch.Tensor:
        """Return the probabilities of all users for one attribute, [users]."""
        item = self._published[attribute]
        parts = []
        for start in range(0, len(self.users), _BATCH):
            batch = self.users[start : start + _BATCH]
            inputs = torch.cat([batch, item.expand(len(batch), -1)], dim=1)
            hidden = torch.relu(linear(inputs, self._first, self._bias))
            parts.append(torch.sigmoid(hidden @ self._out + self._out_bias))
        return torch.cat(parts)


class SplitTower:
    """The same with the users' half of the first layer computed once for all attributes."""

    def __init__(self, made: Made) -> None:
        of = {name: torch.from_numpy(array) for name, array in made.arrays.items()}
        self._users = linear(of["tower.vectors"], of["user_weight"], of["bias"])
        self._items = torch.from_numpy(made.published) @ of["item_weight"].T
        self._out, self._out_bias = of["out_weight"], of["out_bias"]

    def scores(self, attribute: int) -> torch.Tensor:
        """Return the probabilities of all users for one attribute, [users]."""
        hidden = torch.relu(self._users + self._items[attribute])
        return torch.sigmoid(hidden @ self._out + self._out_bias)


class HistoryModel:
    """The default recipe: an embedding bag for nearness, features stacked, networks batch by batch."""

    def __init__(self, made: Made) -> None:
        of = {name: torch.from_numpy(array) for name, array in made.arrays.items()}
        self._of, self._published = of, torch.from_numpy(made.published)
        self._items, self._starts = of["histories.items"], of["histories.starts"].int()
        self._units, self._mean = normalize(of["vectors"]), of[f"linear.{OWNER}"].mean(dim=0)

    def scores(self, attribute: int) -> torch.Tensor:
        """Return the probabilities of all users for one attribute, [users]."""
        of, row = self._of, self._published[attribute]
        dim = of["user_vectors"].shape[1]
        vector, target = row[:dim], row[dim + 2 :]
        weights = torch.relu(self._units @ normalize(vector, dim=0)) ** 8
        near = embedding_bag(
            self._items, weights[:, None], self._starts, mode="sum", include_last_offset=True
        )
        sums = of[f"linear.{OWNER}"]
        popularity = torch.log(torch.clamp(target @ self._mean, min=1e-4))
        features = torch.stack(
            [
                of["user_vectors"] @ vector,
                sums @ target,
                popularity.expand(len(sums)),
                of["activity"],
                torch.log(near[:, 0] + 0.05),
            ],
            dim=1,
        )
        starts = range(0, len(features), _BATCH)
        return torch.cat([self._head(features[start : start + _BATCH]) for start in starts])

    def _head(self, features: torch.Tensor) -> torch.Tensor:
        head = {name.rpartition(".")[2]: each for name, each in self._of.items() if name.startswith("head.")}
        seen = torch.clamp((features - head["centre"]) * head["factor"], -6, 12)
        chances = []
        for network in range(len(head["out_bias"])):
            hidden = torch.relu(linear(seen, head["first_weight"][network], head["first_bias"][network]))
            hidden = torch.relu(linear(hidden, head["second_weight"][network], head["second_bias"][network]))
            logits = seen @ head["linear_weight"][network] + hidden @ head["out_weight"][network]
            chances.append(torch.sigmoid(logits + head["out_bias"][network]))
        return torch.stack(chances).mean(dim=0)


def top_users(
    model: SplitTower | HistoryModel, attributes: int, top: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the scores and codes of the `top` best users, attribute by attribute, [top] each."""
    for attribute in range(attributes):
        found = torch.topk(model.scores(attribute), top)
        yield found.values, found.indices
