"""How good the demo's predictions are: against the held-back truth, beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.evaluation import evaluate, popularity, popularity_x_activity, random_scores
from feddmf.randomness import generator
from feddmf_party.datasets.split import PartySplit, Split
from feddmf_party.prediction import Predictor

__all__ = ["Audience", "Measured", "measure", "overall"]

_AUDIENCE = 20
_AUDIENCES_SHOWN = 5


@dataclass(frozen=True)
class Audience:
    """The top users for one attribute, and how many of them truly have it."""

    key: str
    label: str
    size: int
    first: str
    hits: int
    hits_by_activity: int
    holders: int


@dataclass(frozen=True)
class Measured:
    """One party's metrics by scorer name, and some audiences."""

    metrics: Mapping[str, Mapping[str, float]]
    audiences: tuple[Audience, ...]


@dataclass(frozen=True, eq=False)
class _Cells:
    users: npt.NDArray[np.str_]  # [users]
    truth: npt.NDArray[np.bool_]  # [users, asked]
    scores: npt.NDArray[np.float32]  # [users, asked]
    activity: npt.NDArray[np.float64]  # [users]


def measure(party: str, peer: str, split: Split, predictor: Predictor, labels: Mapping[str, str]) -> Measured:
    """Score all users that `party` knows for all that `peer` alone sells, and compare with the truth.

    Cells are users x the peer's exclusive items, all of them. Counts are the owner's, as it would give them.
    """
    mine, theirs = split.parties[party], split.parties[peer]
    asked = [predictor.attribute(key) for key in mine.asked.tolist()]
    blocks = list(predictor.predict(asked))
    users = np.concatenate([block.users for block in blocks]).astype(str)
    scores = np.concatenate([block.probabilities for block in blocks])  # [users, asked]
    # A user with nothing at home is nobody that this company knows.
    truth = mine.truth.where(np.isin(mine.truth.users, users)).dense(users, mine.asked)
    counts = _owner_counts(theirs, mine.asked)
    owner_users = len(np.unique(theirs.train.users))
    activity = _activity(mine, users)
    known = {
        "feddmf": scores,
        "random": random_scores(truth.shape, generator(split.seed, party, "random baseline")),
        "popularity": popularity(counts, owner_users, len(users)),
        "popularity_x_activity": popularity_x_activity(counts, owner_users, activity),
    }
    best_sellers = np.argsort(-counts, kind="stable")[:_AUDIENCES_SHOWN]
    cells = _Cells(users, truth, scores, activity)
    audiences = tuple(
        _audience(cells, column, str(mine.asked[column]), labels[str(mine.asked[column])])
        for column in best_sellers.tolist()
    )
    return Measured({name: evaluate(truth, each) for name, each in known.items()}, audiences)


def overall(parties: Mapping[str, Measured]) -> dict[str, dict[str, float]]:
    """Return each scorer's metrics as the mean over the parties."""
    first = next(iter(parties.values())).metrics
    return {
        name: {
            metric: float(np.mean([each.metrics[name][metric] for each in parties.values()]))
            for metric in metrics
        }
        for name, metrics in first.items()
    }


def _owner_counts(owner: PartySplit, items: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Return the number of the owner's users behind each of its items, int64 [items]."""
    keys, counts = np.unique(owner.train.items, return_counts=True)
    found = dict(zip(keys.tolist(), counts.tolist(), strict=True))
    return np.array([found.get(key, 0) for key in items.tolist()], dtype=np.int64)


def _activity(party: PartySplit, users: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Return the number of items that each user has at home, [users]."""
    names, counts = np.unique(party.train.users, return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return np.array([found.get(user, 0) for user in users.tolist()], dtype=np.float64)


def _audience(cells: _Cells, column: int, key: str, label: str) -> Audience:
    """Return the audience for one column; the truth says only how good it is."""
    size = min(_AUDIENCE, len(cells.users))
    best = np.argsort(-cells.scores[:, column], kind="stable")[:size]
    busiest = np.argsort(-cells.activity, kind="stable")[:size]
    return Audience(
        key=key,
        label=label,
        size=size,
        first=str(cells.users[best[0]]),
        hits=int(cells.truth[best, column].sum()),
        hits_by_activity=int(cells.truth[busiest, column].sum()),
        holders=int(cells.truth[:, column].sum()),
    )
