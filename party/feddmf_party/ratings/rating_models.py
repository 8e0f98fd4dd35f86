"""The rating network fitted in one place, by clients who average what they share, or by each alone."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf_party.ratings.federated import federate
from feddmf_party.ratings.learning import Dropout, Fitting, Learner, as_is
from feddmf_party.ratings.network import GROUPS, Known, RatingNet
from feddmf_party.ratings.table import Ratings

__all__ = ["Clients", "Fitted", "fit_alone", "fit_central", "fit_federated"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CELLS = 1 << 13


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted network as a predictor."""

    net: RatingNet

    def predict(
        self, users: Codes, items: Codes, *, new_users: bool = False, new_items: bool = False
    ) -> Floats:
        """Return the ratings of cells given by codes, [cells] each; of new ones only features count."""
        parts = [np.empty(0)]
        with torch.inference_mode():
            for start in range(0, len(users), _CELLS):
                cells = slice(start, start + _CELLS)
                user, item = torch.from_numpy(users[cells]), torch.from_numpy(items[cells])
                known = Known(*(torch.full((len(user), 1), float(not new)) for new in (new_users, new_items)))
                parts.append(self.net(user, item, as_is, known).numpy())
        return np.concatenate(parts)

    def scores(self, users: Codes) -> Floats:
        """Return the ratings of all films by `users`, [users, items]."""
        with torch.inference_mode():
            films = self.net.project_items(torch.arange(self.net.item_count))
            rows = self.net.project_users(torch.from_numpy(users))
            parts = [self.net.finish(row + films, as_is).numpy() for row in rows]
        return np.array(parts, dtype=np.float64).reshape(len(users), self.net.item_count)


@dataclass(frozen=True, eq=False)
class Clients:
    """One fitted network a client; each predicts for its own users.

    home: the client of each user, int64 [users]; places: the user's code there, int64 [users].
    """

    models: Sequence[Fitted]
    home: Codes
    places: Codes

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Return the ratings of cells given by codes, [cells] each."""
        predicted = np.empty(len(users))
        for client, model in enumerate(self.models):
            here = self.home[users] == client
            predicted[here] = model.predict(self.places[users[here]], items[here])
        return predicted

    def scores(self, users: Codes) -> Floats:
        """Return the ratings of all films by `users`, [users, items]."""
        scores = np.empty((len(users), self.models[0].net.item_count))
        for client, model in enumerate(self.models):
            here = self.home[users] == client
            scores[here] = model.scores(self.places[users[here]])
        return scores


def fit_central(
    train: Ratings, fitting: Fitting, *, seed: int, groups: Collection[str] = GROUPS, forget: float = 0.0
) -> Fitted:
    """Fit the network to all ratings in one place.

    forget: the share of samples in which the vector of the user is left out, and likewise that of the film,
    so that features learn to speak for users and films that are new.
    """
    learner = _learner(train, fitting, seed=seed, groups=groups, forget=forget)
    learner.train()
    return _fitted(learner)


def fit_federated(
    train: Ratings, home: Codes, fitting: Fitting, *, rounds: int, seed: int
) -> tuple[Clients, Clients]:
    """Fit by `rounds` of federated averaging over the clients that `home` names, int64 [users].

    Returns the clients with the last average, and the clients as they were before it, each with the network
    that its own last local epochs made. User vectors never leave their client.
    """
    learners = _at_clients(train, home, fitting, seed)
    shared = federate(learners, learners[0].net.shared(), rounds=rounds)
    own = _clients(home, [_fitted(learner) for learner in copy.deepcopy(learners)])
    for learner in learners:
        learner.net.take(shared)
    return _clients(home, [_fitted(learner) for learner in learners]), own


def fit_alone(train: Ratings, home: Codes, fitting: Fitting, *, seed: int) -> Clients:
    """Fit each client to its own ratings, with no word from the others."""
    learners = _at_clients(train, home, fitting, seed)
    for learner in learners:
        learner.train()
    return _clients(home, [_fitted(learner) for learner in learners])


def _at_clients(train: Ratings, home: Codes, fitting: Fitting, seed: int) -> list[Learner]:
    return [
        _learner(train.of_users(np.flatnonzero(home == client)), fitting, seed=seed, place=f"client {client}")
        for client in range(int(home.max()) + 1)
    ]


def _clients(home: Codes, models: Sequence[Fitted]) -> Clients:
    places = np.empty(len(home), dtype=np.int64)
    for client in range(len(models)):
        places[home == client] = np.arange(np.count_nonzero(home == client))
    return Clients(models, home, places)


def _learner(
    train: Ratings,
    fitting: Fitting,
    *,
    seed: int,
    place: str = "everybody",
    groups: Collection[str] = GROUPS,
    forget: float = 0.0,
) -> Learner:
    net = RatingNet(train, groups, seed=seed, place=place)
    users, items = torch.from_numpy(train.users), torch.from_numpy(train.items)
    values = torch.from_numpy(train.values.astype(np.float32))

    def loss(batch: Tensor, drop: Dropout, draws: torch.Generator) -> Tensor:
        known = None
        if forget:
            known = Known(*(torch.rand((2, len(batch), 1), generator=draws) >= forget).float())
        predicted = net(users[batch], items[batch], drop, known)
        return torch.nn.functional.mse_loss(predicted, values[batch])

    return Learner(net, len(train), loss, fitting, seed=seed, place=place)


def _fitted(learner: Learner) -> Fitted:
    assert isinstance(learner.net, RatingNet)  # noqa: S101  (made above)
    return Fitted(learner.net)
