"""Neighbours, by hand and against a plain loop."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.neighbours import neighbours
from feddmf_party.ratings.splits import random_parts
from feddmf_party.ratings.table import Ratings
from support.film_files import made_films


def test_one_neighbour_by_hand() -> None:
    """User 1 is like user 2 and unlike user 3: the answer is 1's mean plus what 2 gives above its own."""
    rows = [("1", "1", 2), ("1", "2", 4), ("2", "1", 1), ("2", "2", 3), ("2", "3", 5), ("3", "1", 5)]
    rows += [("3", "2", 3), ("3", "3", 1)]
    train = Ratings.of(made_films([(*row, 0) for row in rows]))
    model = neighbours(train, "user", nearest=5, shrinkage=0)
    # Means 3 and 3; user 2 gives film 3 two more than its mean, and user 3 has a cosine below 0.
    assert model.predict(np.array([0]), np.array([2])) == pytest.approx([5.0])


def test_without_neighbours_the_mean_is_said(small: Ratings) -> None:
    """A film that nobody like the user has rated gets the user's mean."""
    model = neighbours(small.where(small.items != 2), "user")
    assert model.predict(np.array([0]), np.array([2])) == pytest.approx([3.0])


@pytest.mark.parametrize("side", ["user", "item"])
def test_it_agrees_with_a_plain_loop(tastes: FilmRatings, side: Literal["user", "item"]) -> None:
    """Cell by cell: shrunk cosines over common ratings, the best k, the weighted mean."""
    parts = random_parts(Ratings.of(tastes), seed=0)
    train, cells = parts.train, (parts.test.users[:25], parts.test.items[:25])
    found = neighbours(train, side, nearest=4, shrinkage=3).predict(*cells)
    for prediction, user, item in zip(found, *cells, strict=True):
        assert prediction == pytest.approx(plain(train, side, int(user), int(item)), abs=1e-5)


def plain(train: Ratings, side: str, user: int, item: int) -> float:
    """Return the prediction of one cell, reckoned in loops, for 4 neighbours and shrinkage 3."""
    nearest, shrinkage = 4, 3
    own, other = (train.users, train.items) if side == "user" else (train.items, train.users)
    near, at = (user, item) if side == "user" else (item, user)
    table = {(int(n), int(c)): float(v) for n, c, v in zip(own, other, train.values, strict=True)}
    means = {n: np.mean([v for (m, _), v in table.items() if m == n]) for n in {n for n, _ in table}}
    asked = []
    for rater in {n for n, c in table if c == at}:
        common = [c for n, c in table if n == near and (rater, c) in table]
        left = np.array([table[near, c] - means[near] for c in common])
        right = np.array([table[rater, c] - means[rater] for c in common])
        norm = np.sqrt((left**2).sum() * (right**2).sum())
        cosine = left @ right / norm if norm else 0.0
        asked.append((cosine * len(common) / (len(common) + shrinkage), table[rater, at] - means[rater]))
    best = sorted(asked, reverse=True)[:nearest]
    bound = best[-1][0] if len(asked) > nearest else -1.0
    kept = [(s, told) for s, told in asked if s > 0 and s >= bound - 1e-7]
    weight = sum(s for s, _ in kept)
    return float(means[near] + (sum(s * told for s, told in kept) / weight if weight else 0.0))
