"""Biased matrix factorisation: r = mu + b_u + b_i + p_u . q_i.

Model: Y. Koren, R. Bell, C. Volinsky, "Matrix factorization techniques for recommender systems", IEEE
Computer 42(8), 2009. Fitted by alternating least squares with the penalty weighted by the number of ratings:
Y. Zhou et al., "Large-scale parallel collaborative filtering for the Netflix Prize", AAIM 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator
from feddmf_party.ratings.averages import Averages, biases
from feddmf_party.ratings.table import Ratings

__all__ = ["Factors", "factorise"]

Floats = npt.NDArray[np.float64]

_START = 0.1


@dataclass(frozen=True, eq=False)
class Factors:
    """Biases and vectors; users: float64 [users, rank], items: float64 [items, rank]."""

    biases: Averages
    users: Floats
    items: Floats

    def predict(self, users: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> Floats:
        """Return the ratings of cells given by codes, [cells] each."""
        dots: Floats = np.einsum("cr,cr->c", self.users[users], self.items[items])
        return self.biases.predict(users, items) + dots

    def scores(self, users: npt.NDArray[np.int64]) -> Floats:
        """Return the ratings of all films by `users`, [users, items]."""
        scores: Floats = self.biases.scores(users) + self.users[users] @ self.items.T
        return scores


def factorise(
    train: Ratings, *, seed: int, rank: int = 32, penalty: float = 0.2, sweeps: int = 12
) -> Factors:
    """Fit biases and factors in turn, `sweeps` times, to the ratings that are left of the other."""
    users = np.zeros((train.user_count, rank))
    items = generator(seed, "ratings", "factors").normal(0, _START, (train.item_count, rank))
    fitted = biases(train)
    by_user = _groups(train.users, train.user_count)
    by_item = _groups(train.items, train.item_count)
    for _ in range(sweeps):
        rest = train.values - fitted.predict(train.users, train.items)
        users = _solve(by_user, items[train.items], rest, penalty)
        items = _solve(by_item, users[train.users], rest, penalty)
        dots = np.einsum("nr,nr->n", users[train.users], items[train.items])
        fitted = biases(train, train.values - dots)
    return Factors(fitted, users, items)


def _groups(codes: npt.NDArray[np.int64], count: int) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each code, `count` arrays."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=count))[:-1])


def _solve(groups: list[npt.NDArray[np.intp]], vectors: Floats, rest: Floats, penalty: float) -> Floats:
    """Return for each group of n rows the x of (V'V + penalty n I) x = V' rest, [groups, rank].

    vectors: those of the other side, [ratings, rank]; a group without rows gets zeros.
    """
    rank = vectors.shape[1]
    solved = np.zeros((len(groups), rank))
    identity = np.eye(rank)
    for group, rows in enumerate(groups):
        if rows.size:
            known = vectors[rows]  # [n, rank]
            gram = known.T @ known + penalty * rows.size * identity
            solved[group] = np.linalg.solve(gram, known.T @ rest[rows])
    return solved
