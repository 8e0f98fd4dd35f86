"""Two parties that train in one process by the product's own trainers, aligned every so many steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from feddmf.interactions import Interactions
from feddmf.kernels.compiling import compiled
from feddmf.model import START_STD, DeepMF, fresh_model, normal
from feddmf.runfile import ModelSettings, TrainingSettings
from feddmf.sampling import Sampler
from feddmf.training import Pull, Trainer
from feddmf_benchmarks.baselines.textbook import Arrays, Codes, Recipe

__all__ = ["How", "Lockstep"]


@dataclass(frozen=True)
class How:
    """engine, optimizer: of training; every: steps between two exchanges."""

    engine: str = "compiled"
    optimizer: str = "lazy_adam"
    every: int = 25


class Lockstep:
    """Has the interface of `feddmf_benchmarks.baselines.textbook.Textbook`.

    Of two parties each is the other's only peer, so that the gradient of eq. 4 needs the peer's unit vectors
    alone.
    """

    def __init__(
        self,
        data: Mapping[str, Interactions],
        aligned: Mapping[str, Codes],
        recipe: Recipe,
        seed: int,
        how: How,
    ) -> None:
        self._aligned, self._every, self._at = aligned, how.every, 0
        self.models = {party: _model(party, own, recipe, seed) for party, own in data.items()}
        settings = TrainingSettings.model_validate(
            {
                "batch_size": recipe.batch,
                "negatives": recipe.negatives,
                "learning_rate": recipe.learning_rate,
                "engine": how.engine,
                "optimizer": how.optimizer,
            }
        )
        self._trainers = {
            party: Trainer(
                self.models[party],
                Sampler(own, negatives=recipe.negatives, seed=seed, party=party),
                settings,
                seed=seed,
                party=party,
            )
            for party, own in data.items()
        }
        self._pulls = {party: _pull(codes, recipe) for party, codes in aligned.items()}
        self._samples = {party: (1 + recipe.negatives) * own.pairs for party, own in data.items()}
        self._batch = recipe.batch

    def train(self, steps: int) -> int:
        """Take so many steps; return the number of samples of all parties."""
        last, samples = self._at + steps, 0
        while self._at < last:
            if self._at % self._every == 0:
                self._exchange()
            end = min(last, self._at - self._at % self._every + self._every)
            for party, trainer in self._trainers.items():
                trainer.train(self._at, end, self._pulls[party])
                samples += self._counted(party, end) - self._counted(party, self._at)
            self._at = end
        return samples

    def arrays(self) -> dict[str, Arrays]:
        """Return the parties' models."""
        return {
            party: {name: tensor.numpy() for name, tensor in model.arrays().items()}
            for party, model in self.models.items()
        }

    def _exchange(self) -> None:
        left, right = self.models
        for party, peer in ((left, right), (right, left)):
            vectors = self.models[peer].items.detach().numpy()
            _write_units(vectors, self._aligned[peer], self._pulls[party].targets.numpy())

    def _counted(self, party: str, step: int) -> int:
        """Return the samples of a party's steps before `step`."""
        epochs, within = divmod(step, self._trainers[party].steps_per_epoch)
        return epochs * self._samples[party] + min(within * self._batch, self._samples[party])


def _model(party: str, data: Interactions, recipe: Recipe, seed: int) -> DeepMF:
    items = normal((data.items, recipe.dim), START_STD, seed, party, "items")
    settings = ModelSettings(
        tower="id", embedding_dim=recipe.dim, hidden_dim=recipe.hidden, dropout=recipe.dropout
    )
    return fresh_model(data.users, items, settings, seed=seed, party=party)


def _pull(codes: npt.NDArray[np.int64], recipe: Recipe) -> Pull:
    return Pull(
        codes=torch.from_numpy(codes),
        targets=torch.zeros(len(codes), recipe.dim),
        single_peer=torch.ones(len(codes), dtype=torch.bool),
        scale=recipe.beta / len(codes),
        margin=recipe.margin,
    )


@compiled
def _write_units(
    vectors: npt.NDArray[np.float32], codes: npt.NDArray[np.int64], units: npt.NDArray[np.float32]
) -> None:
    """Write the rows `codes` of `vectors`, each divided by its length, into `units` [codes, dim]."""
    for at in range(len(codes)):
        row, square = codes[at], np.float32(0)
        for column in range(units.shape[1]):
            square += vectors[row, column] * vectors[row, column]
        inverse = np.float32(1) / np.sqrt(square)
        for column in range(units.shape[1]):
            units[at, column] = vectors[row, column] * inverse
