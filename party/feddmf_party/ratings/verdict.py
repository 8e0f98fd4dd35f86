"""What the slides claim, and what the rows say to it."""

from __future__ import annotations

from feddmf_party.ratings.results import Results
from feddmf_party.reproduce.tables import where

__all__ = ["verdict"]

_MINIMAL_LOSS = 0.02


def verdict(results: Results) -> list[str]:
    """Return a sentence or two for each claim; held means in every seed, not held in none."""
    claims = (
        _popularity_beats_users,
        _factors_beat_neighbours,
        _users_beat_items,
        _federated_behind_factors,
        _minimal_loss,
        _federation_helps,
        _clients_alike,
        _features_help,
        _averages_help,
        _nothing,
        _rankings,
        _cold,
        _next,
        _case_study,
    )
    return [claim(results) for claim in claims]


def _held(won: int, seeds: int) -> str:
    if won == seeds:
        return "**Held**"
    return f"**Undecided** ({won} of {seeds} seeds)" if won else "**Not held**"


def _mae(results: Results, model: str) -> str:
    return f"{results.spread('errors', model, 'mae')}"


def _compare(results: Results, one: str, other: str, claim: str) -> str:
    held = _held(*results.better("errors", one, other, "mae"))
    return f"{held}: {claim}; here {_mae(results, one)} against {_mae(results, other)}."


def _popularity_beats_users(results: Results) -> str:
    return _compare(
        results,
        "item mean",
        "user mean",
        "the item's mean (\"popularity\", MAE .779) predicts better than the user's (.823)",
    )


def _factors_beat_neighbours(results: Results) -> str:
    seeds = len(results.seeds())
    won = min(results.better("errors", "biased MF", f"{side} KNN", "mae")[0] for side in ("user", "item"))
    return (
        f"{_held(won, seeds)}: matrix factorisation (.685) beats neighbours (.771 and .779); here"
        f" {_mae(results, 'biased MF')} against {_mae(results, 'user KNN')} and {_mae(results, 'item KNN')}."
    )


def _users_beat_items(results: Results) -> str:
    return _compare(results, "user KNN", "item KNN", "user neighbours (.771) beat item neighbours (.779)")


def _federated_behind_factors(results: Results) -> str:
    said = _compare(
        results,
        "biased MF",
        "FedAvg",
        "the federated network (best client .838, mean of the ten .848) stays behind matrix factorisation"
        " (.685), and by the slides' own figures behind the user's mean (.823)",
    )
    return f"{said} The user's mean has {_mae(results, 'user mean')} here."


def _minimal_loss(results: Results) -> str:
    pairs = zip(
        results.by_seed("errors", "FedAvg", "mae"), results.by_seed("errors", "network", "mae"), strict=True
    )
    losses = [federated / central - 1 for federated, central in pairs]
    won = sum(loss <= _MINIMAL_LOSS for loss in losses)
    mean = 100 * sum(losses) / len(losses)
    return (
        f"{_held(won, len(losses))}: federation costs little accuracy (the slides' goal; they show no"
        f" central network), taken as at most {100 * _MINIMAL_LOSS:.0f} % of MAE; here"
        f" {_mae(results, 'FedAvg')} against {_mae(results, 'network')} in one place, {mean:+.1f} %."
    )


def _federation_helps(results: Results) -> str:
    said = _compare(
        results,
        "FedAvg",
        "alone",
        "clients gain by federation (no figures in the slides): the average beats models that each client"
        " fits alone",
    )
    own, average = (
        where(results.rows, part="clients", model=model, metric="mae") for model in ("own", "FedAvg")
    )
    better = sum(
        float(left["value"]) < float(right["value"]) for left, right in zip(own, average, strict=True)
    )
    return (
        f"{said} With the model of its own last local epochs {better} of {len(own)} clients (all seeds) do"
        " better than with the average made of these."
    )


def _clients_alike(results: Results) -> str:
    rows = where(results.rows, part="clients", model="own", metric="mae")
    values = [float(row["value"]) for row in rows]
    r2 = [float(row["value"]) for row in where(results.rows, part="clients", model="own", metric="r2")]
    return (
        "**Not comparable**: the slides call their clients non-IID, yet their MAE differs by .023 (.838 to"
        " .861) and their R² by .019 (.112 to .131); clients dealt by favourite genre have MAE from"
        f" {min(values):.3f} to {max(values):.3f} and R² from {min(r2):.3f} to {max(r2):.3f} on their own"
        " test ratings."
    )


def _features_help(results: Results) -> str:
    names = [
        name
        for name in results.models("ablation", "network")
        if name.startswith("without ") and "(" not in name
    ]
    names.append("without all features (ids alone)")
    seeds = len(results.seeds())
    won = [results.better("ablation", "all features", name, "mae", "network")[0] for name in names]
    full = results.mean("ablation", "all features", "mae", "network")
    changes = ", ".join(
        f"{results.mean('ablation', name, 'mae', 'network') - full:+.3f} {name} ({times} of {seeds} seeds)"
        for name, times in zip(names, won, strict=True)
    )
    return f"{_held(min(won), seeds)}: each feature lowers the error; MAE rises by {changes}."


def _averages_help(results: Results) -> str:
    seeds = len(results.seeds())
    full, parts = "both (biases)", ("without the item's mean", "without the user's mean")
    won = min(results.better("ablation", full, part, "mae", "averages")[0] for part in parts)
    figures = " and ".join(
        f"{results.mean('ablation', part, 'mae', 'averages'):.3f} {part}" for part in parts
    )
    return (
        f"{_held(won, seeds)}: leaving out popularity or the user's average raises the error;"
        f" {results.mean('ablation', full, 'mae', 'averages'):.3f} with both, {figures}."
    )


def _nothing(results: Results) -> str:
    nothing = results.mean("ablation", "nothing (predict 0)", "mae", "averages")
    return (
        "**Says nothing of features**: an MAE of 3.58 without features is the mean rating of ml-1m, that is,"
        f" the error of predicting 0 for everything ({nothing:.2f} here). Who knows no feature predicts the"
        f" mean: {_mae(results, 'global mean')}."
    )


def _rankings(results: Results) -> str:
    def figures(model: str, scope: str) -> str:
        recall, ndcg = (
            results.mean("ranking", model, metric, scope) for metric in ("recall_at_10", "ndcg_at_10")
        )
        return f"{recall:.3f} / {ndcg:.3f}"

    models = [name for name in results.models("ranking", "unseen") if name != "random"]
    best = max(models, key=lambda name: results.mean("ranking", name, "ndcg_at_10", "unseen"))
    return (
        "**Only for films already rated**: Recall@10 .64 and NDCG@10 .87 of the factorisation. Among the"
        f" rated test films it has {figures('biased MF', 'rated')} here, and a random order"
        f" {figures('random', 'rated')}; among all unseen films it has {figures('biased MF', 'unseen')}, and"
        f" the best, {best}, {figures(best, 'unseen')}."
    )


def _cold(results: Results) -> str:
    lines = []
    for scope in ("users", "films"):
        others = [name for name in results.models("cold", scope) if name != "network"]
        best = min(others, key=lambda name: results.mean("cold", name, "mae", scope))
        won, seeds = results.better("cold", "network", best, "mae", scope)
        lines.append(
            f"for new {scope} {results.spread('cold', 'network', 'mae', scope)} against"
            f" {results.spread('cold', best, 'mae', scope)} of the best average, {best} (better in {won} of"
            f" {seeds} seeds)"
        )
    said = "; ".join(lines)
    return f"**A limit in the slides, measured here**: cold start. The network by features has {said}."


def _next(results: Results) -> str:
    def hits(model: str) -> str:
        return f"{results.spread('next', model, 'recall_at_10', 'unseen')}"

    seeds = len(results.seeds())
    lost, _ = results.better("next", "sequence", "popularity", "recall_at_10", "unseen")
    return (
        f"{_held(seeds - lost, seeds)}: the sequence model learns the order (no figures in the slides): it"
        f" finds {hits('sequence')} of the next films, FedAvg {hits('sequence, FedAvg')}, popularity"
        f" {hits('popularity')}, chance {hits('random')}."
    )


def _case_study(results: Results) -> str:
    rows = where(results.rows, part="top")
    user = rows[0]["scope"]
    matching = results.mean("top", "network", "films of a top genre", user)
    share = 100 * results.mean("top", "all films", "share of a top genre", user)
    total = sum(row["metric"].startswith("film ") for row in rows)
    judged = "**Held, and says little**" if matching >= total / 2 else "**Not held**"
    return (
        f"{judged}: recommendations match the user's best rated genres; {matching:.0f} of {total} have one of"
        f" the three, as {share:.0f} % of all films do."
    )
