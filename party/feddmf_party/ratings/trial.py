"""One seed of the ratings experiment: what is fitted with which settings, and how a result becomes a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from feddmf_party.ratings.learning import Fitting
from feddmf_party.ratings.metrics import errors
from feddmf_party.ratings.splits import Parts, favourite_genres, random_parts, to_clients
from feddmf_party.ratings.table import Ratings
from feddmf_party.reproduce.experiment import Row

__all__ = ["FULL", "QUICK", "Plan", "Predictor", "Trial"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Predictor(Protocol):
    """A fitted model."""

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Return the ratings of cells given by codes, [cells] each."""
        ...

    def scores(self, users: Codes) -> Floats:
        """Return the ratings of all films by `users`, [users, items]."""
        ...


@dataclass(frozen=True)
class Plan:
    """How large everything is.

    users: how many of the data set's users, 0 for all; ranked: how many of them are ranked for; recent: how
    many of a user's films the sequence model trains on; held: how many of the last it is asked for; least:
    ratings that a film needs to be predicted as the next; popular: ratings it needs for the top-5.
    """

    users: int
    ranked: int
    central: Fitting
    local: Fitting
    alone: Fitting
    following: Fitting
    rounds: int
    following_rounds: int
    clients: int = 10
    concentration: float = 0.5
    forget: float = 0.2
    recent: int = 100
    held: int = 5
    least: int = 5
    popular: int = 10

    def settings(self) -> Mapping[str, float]:
        """Return the numbers that the results depend on, by name."""
        named: dict[str, float] = {
            name: getattr(self, name)
            for name in (
                *("clients", "concentration", "rounds", "following_rounds", "forget", "recent", "held"),
                *("least", "popular", "ranked"),
            )
        }
        for name in ("central", "local", "alone", "following"):
            fitting = getattr(self, name)
            named |= {
                f"{name} {key}": getattr(fitting, key)
                for key in ("epochs", "batch_size", "learning_rate", "weight_decay", "dropout")
            }
        return named


FULL = Plan(
    users=0,
    ranked=300,
    central=Fitting(epochs=8, batch_size=512, learning_rate=1e-3, weight_decay=1.0, dropout=0.2),
    local=Fitting(epochs=1, batch_size=128, learning_rate=1e-3, weight_decay=0.1, dropout=0.2),
    alone=Fitting(epochs=5, batch_size=128, learning_rate=1e-3, weight_decay=0.1, dropout=0.2),
    following=Fitting(epochs=10, batch_size=512, learning_rate=2e-3, weight_decay=0.0, dropout=0.2),
    rounds=15,
    following_rounds=3,
)
QUICK = Plan(
    users=80,
    ranked=80,
    central=Fitting(epochs=3, batch_size=512, learning_rate=2e-3, weight_decay=1.0, dropout=0.2),
    local=Fitting(epochs=1, batch_size=128, learning_rate=2e-3, weight_decay=0.1, dropout=0.2),
    alone=Fitting(epochs=3, batch_size=128, learning_rate=2e-3, weight_decay=0.1, dropout=0.2),
    following=Fitting(epochs=10, batch_size=512, learning_rate=2e-3, weight_decay=0.0, dropout=0.2),
    rounds=3,
    following_rounds=1,
    recent=30,
    popular=3,
)


@dataclass(frozen=True, eq=False)
class Trial:
    """The split of one seed, the clients of its users, int64 [users], and where progress is told."""

    ratings: Ratings
    parts: Parts
    home: Codes
    plan: Plan
    seed: int
    say: Callable[[str], None]

    @classmethod
    def of(cls, ratings: Ratings, plan: Plan, seed: int, say: Callable[[str], None]) -> Trial:
        """Split the ratings and deal the users to clients."""
        parts = random_parts(ratings, seed=seed)
        home = to_clients(
            favourite_genres(parts.train), clients=plan.clients, concentration=plan.concentration, seed=seed
        )
        return cls(ratings, parts, home, plan, seed, say)

    def row(
        self, part: str, model: str, metric: str, value: float, *, scope: str = "all", note: str = ""
    ) -> Row:
        """Return one row of this seed."""
        return {
            "part": part,
            "dataset": self.ratings.name,
            "seed": self.seed,
            "model": model,
            "scope": scope,
            "metric": metric,
            "value": float(value),
            "note": note,
        }

    def rows(
        self, part: str, model: str, values: Mapping[str, float], *, scope: str = "all", note: str = ""
    ) -> Iterator[Row]:
        """Yield a row for each of `values`."""
        for metric, value in values.items():
            yield self.row(part, model, metric, value, scope=scope, note=note)

    def measure(self, predicted: Floats, test: Ratings) -> dict[str, float]:
        """Return the errors of predictions, clipped to the scale, for the ratings of `test`."""
        return errors(test.values, np.clip(predicted, *self.ratings.scale))
