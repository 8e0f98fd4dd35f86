"""What features are worth, what helps new users and films, which film comes next, and one user's films."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from feddmf.randomness import generator
from feddmf_party.ratings.averages import biases, global_mean, item_mean, user_mean
from feddmf_party.ratings.network import groups_of
from feddmf_party.ratings.next_film import Vocabulary, fit_next_film
from feddmf_party.ratings.rating_models import Fitted, fit_central
from feddmf_party.ratings.recommending import median_user, recommend
from feddmf_party.ratings.sequences import Histories, Scorer, Windows, rank_next
from feddmf_party.ratings.splits import hold_out
from feddmf_party.ratings.trial import Floats, Predictor, Trial
from feddmf_party.reproduce.experiment import Row

__all__ = ["ablation_rows", "cold_rows", "next_rows", "top_rows"]

_IDS = ("user", "film")
_AVERAGES = {
    "both (biases)": biases,
    "without the item's mean": user_mean,
    "without the user's mean": item_mean,
    "without both (global mean)": global_mean,
}


def ablation_rows(trial: Trial, full: Fitted) -> Iterator[Row]:
    """Yield the errors of the network without each group of features, and of averages without each other."""
    train, test = trial.parts.train, trial.parts.test
    groups = groups_of(train)
    features = tuple(group for group in groups if group not in _IDS)
    told = {f"without {group}": tuple(each for each in groups if each != group) for group in features}
    told |= {"without all features (ids alone)": _IDS, "without ids (features alone)": features}
    predicted = {"all features": full.predict(test.users, test.items)}
    for name, kept in told.items():
        trial.say(f"seed {trial.seed}: ablation, {name}")
        fitted = fit_central(train, trial.plan.central, seed=trial.seed, groups=kept)
        predicted[name] = fitted.predict(test.users, test.items)
    for name, values in predicted.items():
        yield from trial.rows("ablation", name, trial.measure(values, test), scope="network")
    for name, model in _AVERAGES.items():
        values = model(train).predict(test.users, test.items)
        yield from trial.rows("ablation", name, trial.measure(values, test), scope="averages")
    # What is left when a network's inputs and output are all 0: the error is the mean rating itself.
    nothing = float(np.mean(np.abs(test.values)))
    yield trial.row("ablation", "nothing (predict 0)", "mae", nothing, scope="averages")


def cold_rows(trial: Trial) -> Iterator[Row]:
    """Yield the errors for a tenth of the users, and for a tenth of the films, unknown to training."""
    ratings, seed = trial.ratings, trial.seed
    for what, codes, count in (
        ("users", ratings.users, ratings.user_count),
        ("films", ratings.items, ratings.item_count),
    ):
        trial.say(f"seed {seed}: new {what}")
        new = hold_out(count, seed=seed, what=what)[codes]
        train, test = ratings.where(~new), ratings.where(new)
        known_side = item_mean(train) if what == "users" else user_mean(train)
        models: Mapping[str, Predictor] = {
            "global mean": global_mean(train),
            "item mean" if what == "users" else "user mean": known_side,
            "biases": biases(train),
        }
        predicted: dict[str, Floats] = {
            name: model.predict(test.users, test.items) for name, model in models.items()
        }
        network = fit_central(train, trial.plan.central, seed=seed, forget=trial.plan.forget)
        predicted["network"] = network.predict(
            test.users, test.items, new_users=what == "users", new_items=what == "films"
        )
        for name, values in predicted.items():
            yield from trial.rows("cold", name, trial.measure(values, test), scope=what)


def next_rows(trial: Trial) -> Iterator[Row]:
    """Yield how often each user's last films are among the ten that a model ranks first of all unseen."""
    plan, seed = trial.plan, trial.seed
    histories = Histories.of(trial.ratings)
    cases, windows = histories.last(plan.held), histories.earlier(plan.held, plan.recent)
    counts = histories.counts(plan.held)
    vocabulary = Vocabulary.of(counts, plan.least)
    random = generator(seed, "ratings", "chance", "next")

    def chance(asked: Windows) -> Floats:
        return random.random((len(asked), histories.item_count))

    def popular(asked: Windows) -> Floats:
        return np.broadcast_to(counts.astype(np.float64), (len(asked), histories.item_count))

    trial.say(f"seed {seed}: the next film, central")
    together = np.zeros_like(trial.home)
    scorers: dict[str, Scorer] = {"random": chance, "popularity": popular}
    scorers["sequence"] = fit_next_film(windows, vocabulary, together, plan.following, rounds=1, seed=seed)
    trial.say(f"seed {seed}: the next film, federated averaging over {plan.clients} clients")
    scorers["sequence, FedAvg"] = fit_next_film(
        windows, vocabulary, trial.home, plan.following, rounds=plan.following_rounds, seed=seed
    )
    for name, scorer in scorers.items():
        yield from trial.rows("next", name, rank_next(histories, cases, scorer), scope="unseen")
    inside = np.isin(cases.after, vocabulary.films).mean() if len(cases) else float("nan")
    sizes = {"cases": len(cases), "films with an output": len(vocabulary.films), "answerable": inside}
    yield from trial.rows("next", "size", sizes)


def top_rows(trial: Trial, model: Predictor) -> Iterator[Row]:
    """Yield the genres and the five films of the user with the median number of ratings."""
    train = trial.parts.train
    user = median_user(train)
    liked, films = recommend(train, model.scores, user, least=trial.plan.popular)
    rated = int(np.count_nonzero(train.users == train.user_code(user)))
    yield trial.row("top", "user", "ratings", rated, scope=user)
    for place, genre in enumerate(liked, start=1):
        note = f"{genre.genre} ({genre.ratings} ratings)"
        yield trial.row("top", "user", f"genre {place}", genre.mean, scope=user, note=note)
    favourites = {genre.genre for genre in liked}
    for place, film in enumerate(films, start=1):
        note = f"{film.title}: {', '.join(film.genres)}"
        yield trial.row("top", "network", f"film {place}", film.score, scope=user, note=note)
    matching = sum(bool(favourites & set(film.genres)) for film in films)
    yield trial.row("top", "network", "films of a top genre", matching, scope=user)
    # A film of these genres need not be a match: this many of all films have one of them.
    flags = train.genres[:, [train.genre_names.index(genre) for genre in sorted(favourites)]]
    yield trial.row("top", "all films", "share of a top genre", flags.any(axis=1).mean(), scope=user)
