"""The sequence model: user and last four films to a softmax over films; torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from feddmf_party.ratings.federated import federate
from feddmf_party.ratings.learning import (
    Dropout,
    Fitting,
    Learner,
    Loss,
    Net,
    as_is,
    linear_start,
    table_start,
)
from feddmf_party.ratings.sequences import LENGTH, Windows

__all__ = ["NextFilm", "NextFilmModel", "Vocabulary", "fit_next_film"]

Codes = npt.NDArray[np.int64]

_DIM = 32
_HIDDEN = 64
_START = 0.1


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The films that have an output of their own; all others are one and the same film as inputs.

    films: their codes, int64 [outputs]; outputs: int64 [items], the number of outputs for other films.
    """

    films: Codes
    outputs: Codes

    @classmethod
    def of(cls, counts: Codes, least: int) -> Vocabulary:
        """Take the films with a count, [items], of at least `least`."""
        films = np.flatnonzero(counts >= least)
        outputs = np.full(len(counts), len(films))
        outputs[films] = np.arange(len(films))
        return cls(films, outputs)


class NextFilm(Net):
    """Scores of `outputs` films as the next, from [user; film; film; film; film] through a hidden layer."""

    private: ClassVar[frozenset[str]] = frozenset({"users"})

    def __init__(self, users: int, outputs: int, *, seed: int, place: str) -> None:
        super().__init__()
        self.users = table_start((users, _DIM), _START, seed, "next", "user", place)
        self.items = table_start((outputs + 1, _DIM), _START, seed, "next", "film")
        self.weight = linear_start((_HIDDEN, (1 + LENGTH) * _DIM), seed, "next", "hidden")
        self.bias = nn.Parameter(torch.zeros(_HIDDEN))
        self.out_weight = linear_start((outputs, _HIDDEN), seed, "next", "out")
        self.out_bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, users: Tensor, before: Tensor, drop: Dropout) -> Tensor:
        """Return logits [batch, outputs] for user codes [batch] and films before [batch, LENGTH]."""
        films = nn.functional.embedding(before, self.items).flatten(1)
        joined = torch.cat([nn.functional.embedding(users, self.users), films], dim=1)
        hidden = drop(torch.relu(nn.functional.linear(joined, self.weight, self.bias)))
        return nn.functional.linear(hidden, self.out_weight, self.out_bias)


@dataclass(frozen=True, eq=False)
class NextFilmModel:
    """One fitted network a place, each for its own users: a scorer of windows.

    home: the place of each user, int64 [users]; codes: the user's code there, int64 [users].
    """

    nets: Sequence[NextFilm]
    home: Codes
    codes: Codes
    vocabulary: Vocabulary

    def __call__(self, cases: Windows) -> npt.NDArray[np.float32]:
        """Return the scores of all films as the next, [cases, items]; -inf outside the vocabulary."""
        scores = np.full((len(cases), len(self.vocabulary.outputs)), -np.inf, dtype=np.float32)
        before = torch.from_numpy(self.vocabulary.outputs[cases.before])
        users = torch.from_numpy(self.codes[cases.users])
        with torch.inference_mode():
            for place, net in enumerate(self.nets):
                here = np.flatnonzero(self.home[cases.users] == place)
                logits = net(users[here], before[here], as_is).numpy()
                scores[np.ix_(here, self.vocabulary.films)] = logits
        return scores


def fit_next_film(
    windows: Windows,
    vocabulary: Vocabulary,
    home: Codes,
    fitting: Fitting,
    *,
    rounds: int,
    seed: int,
) -> NextFilmModel:
    """Fit to the windows whose next film is in the vocabulary, by federated averaging over places.

    home: the place of each user, int64 [users]. With one place and one round it is the central model.
    """
    inside = windows.where(vocabulary.outputs[windows.after] < len(vocabulary.films))
    codes = np.empty(len(home), dtype=np.int64)
    nets, learners = [], []
    for place in range(int(home.max()) + 1):
        here = home == place
        codes[here] = np.arange(np.count_nonzero(here))
        net = NextFilm(int(np.count_nonzero(here)), len(vocabulary.films), seed=seed, place=f"place {place}")
        own = inside.where(here[inside.users])
        samples = Windows(codes[own.users], vocabulary.outputs[own.before], vocabulary.outputs[own.after])
        nets.append(net)
        learners.append(
            Learner(net, len(samples), _loss(net, samples), fitting, seed=seed, place=f"next, place {place}")
        )
    shared = federate(learners, nets[0].shared(), rounds=rounds)
    for net in nets:
        net.take(shared)
    return NextFilmModel(nets, home, codes, vocabulary)


def _loss(net: NextFilm, samples: Windows) -> Loss:
    """Return the mean cross-entropy of samples whose codes are those of the network."""
    users, before, after = (
        torch.from_numpy(codes) for codes in (samples.users, samples.before, samples.after)
    )

    def loss(batch: Tensor, drop: Dropout, _: torch.Generator) -> Tensor:
        return nn.functional.cross_entropy(net(users[batch], before[batch], drop), after[batch])

    return loss
