"""The rows of the ratings experiment, seed by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from feddmf.progress import Tally
from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.contest import error_rows, fit_all, rank_rows
from feddmf_party.ratings.splits import some_users
from feddmf_party.ratings.studies import ablation_rows, cold_rows, next_rows, top_rows
from feddmf_party.ratings.table import Ratings
from feddmf_party.ratings.trial import Plan, Trial
from feddmf_party.reproduce.experiment import Row, Told

__all__ = ["ratings_rows"]


def ratings_rows(films: FilmRatings, plan: Plan, seeds: Sequence[int], told: Told) -> Iterator[Row]:
    """Yield every row; sizes and settings once, the top-5 of the first seed."""
    tally = Tally(told.progress, len(seeds), "seeds")
    for seed in seeds:
        source = some_users(films, plan.users, seed=seed) if plan.users else films
        trial = Trial.of(Ratings.of(source), plan, seed, told.say)
        if seed == seeds[0]:
            yield from _head(trial)
        fits = fit_all(trial)
        yield from error_rows(trial, fits)
        yield from rank_rows(trial, fits)
        yield from ablation_rows(trial, fits.central)
        yield from cold_rows(trial)
        yield from next_rows(trial)
        if seed == seeds[0]:
            yield from top_rows(trial, fits.central)
        tally.add(1)


def _head(trial: Trial) -> Iterator[Row]:
    ratings, train = trial.ratings, trial.parts.train
    yield from trial.rows(
        "data",
        "",
        {
            "users": ratings.user_count,
            "films": ratings.item_count,
            "ratings": len(ratings),
            "mean rating": ratings.mean,
            "films not in training": ratings.item_count - len(np.unique(train.items)),
        },
        note="; ".join(
            [
                "age, gender, occupation" if ratings.people else "nothing is told of the users",
                f"{len(ratings.genre_names)} genres, {len(ratings.decades.names)} decades",
            ]
        ),
    )
    yield from trial.rows("setting", "", trial.plan.settings())
