"""All models on one split: errors for everybody and for each client, and rankings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator
from feddmf_party.ratings.averages import biases, global_mean, item_counts, item_mean, user_mean
from feddmf_party.ratings.factors import Factors, factorise
from feddmf_party.ratings.metrics import ranking
from feddmf_party.ratings.neighbours import neighbours
from feddmf_party.ratings.rating_models import Clients, Fitted, fit_alone, fit_central, fit_federated
from feddmf_party.ratings.trial import Predictor, Trial
from feddmf_party.reproduce.experiment import Row

__all__ = ["GOOD", "Fits", "error_rows", "fit_all", "rank_rows"]

GOOD = 4.0
"""A test film is relevant where its rating is at least this."""


@dataclass(frozen=True, eq=False)
class Fits:
    """What takes seconds to fit: the network in four ways, and biased matrix factorisation.

    central: in one place; average: by federated averaging; own: the clients' own after the last local epochs
    of that; alone: each client without the others.
    """

    central: Fitted
    average: Clients
    own: Clients
    alone: Clients
    factors: Factors


def fit_all(trial: Trial) -> Fits:
    """Fit what takes seconds."""
    train, plan, seed = trial.parts.train, trial.plan, trial.seed
    trial.say(f"seed {seed}: the network, central")
    central = fit_central(train, plan.central, seed=seed)
    trial.say(f"seed {seed}: the network, federated averaging over {plan.clients} clients")
    average, own = fit_federated(train, trial.home, plan.local, rounds=plan.rounds, seed=seed)
    trial.say(f"seed {seed}: the network, each client alone")
    alone = fit_alone(train, trial.home, plan.alone, seed=seed)
    trial.say(f"seed {seed}: baselines")
    return Fits(central, average, own, alone, factorise(train, seed=seed))


def error_rows(trial: Trial, fits: Fits) -> Iterator[Row]:
    """Yield the errors of each model for all test ratings, and those of the federated ones by client."""
    train, test = trial.parts.train, trial.parts.test
    models: Mapping[str, Predictor] = {
        "global mean": global_mean(train),
        "item mean": item_mean(train),
        "user mean": user_mean(train),
        "biases": biases(train),
        "network": fits.central,
        "FedAvg": fits.average,
        "alone": fits.alone,
        "biased MF": fits.factors,
    }
    predicted = {name: model.predict(test.users, test.items) for name, model in models.items()}
    for side in ("user", "item"):
        predicted[f"{side} KNN"] = neighbours(train, side).predict(test.users, test.items)
    for name, values in predicted.items():
        yield from trial.rows("errors", name, trial.measure(values, test))
    predicted["own"] = fits.own.predict(test.users, test.items)
    for client in range(trial.plan.clients):
        here = trial.home[test.users] == client
        scope = f"client {client + 1}"
        sizes = {
            "users": _count(trial.home == client),
            "train ratings": _count(trial.home[train.users] == client),
            "test ratings": _count(here),
        }
        yield from trial.rows("clients", "size", sizes, scope=scope)
        for name in ("FedAvg", "own", "alone"):
            yield from trial.rows(
                "clients", name, trial.measure(predicted[name][here], test.where(here)), scope=scope
            )


def rank_rows(trial: Trial, fits: Fits) -> Iterator[Row]:
    """Yield recall and NDCG among all films not rated in training, and among the test films alone.

    Relevant are test films rated GOOD or better. Asked are at most `ranked` users, drawn by seed.
    """
    train, test, seed = trial.parts.train, trial.parts.test, trial.seed
    trial.say(f"seed {seed}: rankings")
    drawn = generator(seed, "ratings", "ranked").permutation(train.user_count)[: trial.plan.ranked]
    users = np.sort(drawn).astype(np.int64)
    rated = test.dense()[users]
    relevant = test.where(test.values >= GOOD).dense()[users]
    candidates = {"unseen": ~train.dense()[users], "rated": rated}
    models: Mapping[str, Predictor] = {
        "popularity": item_counts(train),
        "item mean": item_mean(train),
        "biases": biases(train),
        "biased MF": fits.factors,
        "network": fits.central,
        "FedAvg": fits.average,
    }
    chance = generator(seed, "ratings", "chance").random(rated.shape)
    for name, scores in [
        ("random", chance),
        *((name, model.scores(users)) for name, model in models.items()),
    ]:
        for scope, allowed in candidates.items():
            yield from trial.rows("ranking", name, ranking(scores, relevant, allowed), scope=scope)


def _count(chosen: npt.NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(chosen))
