"""The section on ratings mode: what was run, tables, verdict; made from the rows alone."""

from __future__ import annotations

import textwrap

from feddmf_party.ratings.results import Results
from feddmf_party.ratings.verdict import verdict
from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.tables import markdown, where

__all__ = ["report"]

_ERRORS = {"mae": "MAE", "mse": "MSE", "rmse": "RMSE", "r2": "R²", "mape": "MAPE %"}
_NAMES = {
    "network": "network, central",
    "FedAvg": "network, FedAvg",
    "alone": "network, each client alone",
    "item mean": 'item mean (the slides\' "popularity")',
    "popularity": "popularity (number of ratings)",
}
_NEW = {"network": "network by features"}
_WIDTH = 118


def report(rows: Rows) -> str:
    """Return the Markdown below the heading."""
    results = Results(rows)
    claims = "".join(_wrapped(claim, first="- ", then="  ") for claim in verdict(results))
    parts = [
        *_intro(results),
        f"Errors of all test ratings, best first:\n\n{_errors(results)}",
        _clients(results),
        _rankings(results),
        _next(results),
        _wrapped("What the network loses without features, and averages without each other:"),
        _ablation(results),
        _cold(results),
        _top(results),
        _wrapped("Verdict on the slides; their figures are for ml-1m, and held means in every seed:"),
        claims,
    ]
    return "\n".join(parts)


def _wrapped(text: str, *, first: str = "", then: str = "") -> str:
    """Return a paragraph in lines of the document's width, with a line break at its end."""
    lines = textwrap.fill(
        " ".join(text.split()),
        width=_WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n"


def _settings(results: Results) -> dict[str, str]:
    return {row["metric"]: f"{float(row['value']):g}" for row in where(results.rows, part="setting")}


def _intro(results: Results) -> list[str]:
    size = {row["metric"]: float(row["value"]) for row in where(results.rows, part="data")}
    setting = _settings(results)
    data = f"""
        Slides on a federated, feature-fused recommender (FedAvg over ten clients on MovieLens 1M), run again
        on {results.rows[0]["dataset"]}: {size["users"]:,.0f} users, {size["films"]:,.0f} rated films,
        {size["ratings"]:,.0f} ratings, mean {size["mean rating"]:.2f}; {results.note("data")}. A fifth of the
        ratings, drawn at random, is for testing ({len(results.seeds())} seeds); predictions are clipped to
        the scale. Mean ± standard deviation over seeds."""
    network = f"""
        The network has vectors of user and film (32 each) and of age band, gender, occupation and decade (8
        each, as far as the data has them), a projection of the genres (16), layers 256-128-1 with ReLU and
        dropout {setting["central dropout"]}, MSE, Adam with decoupled weight decay. In one place:
        {setting["central epochs"]} epochs, batch {setting["central batch_size"]}, rate
        {setting["central learning_rate"]}, decay {setting["central weight_decay"]}. FedAvg:
        {setting["clients"]} clients, every user at one of them, dealt by favourite genre with shares from
        Dirichlet({setting["concentration"]}); rounds: {setting["rounds"]}, local epochs a round:
        {setting["local epochs"]}, batch {setting["local batch_size"]}, rate
        {setting["local learning_rate"]}, decay {setting["local weight_decay"]}; all but the user vectors is
        averaged, weighted by ratings. Each client alone: {setting["alone epochs"]} epochs, else as FedAvg.
        These settings were chosen by hand on the split of a seed that is not among these."""
    return [_wrapped(data), _wrapped(network)]


def _errors(results: Results) -> str:
    order = sorted(results.models("errors"), key=lambda name: results.mean("errors", name, "mae"))
    body = [
        (_NAMES.get(name, name), *(results.spread("errors", name, metric) for metric in _ERRORS))
        for name in order
    ]
    return markdown(("model", *_ERRORS.values()), body)


def _clients(results: Results) -> str:
    first = results.seeds()[0]
    rows = where(results.rows, part="clients", seed=first)
    cells = {(row["scope"], row["model"], row["metric"]): float(row["value"]) for row in rows}
    body = []
    for client in dict.fromkeys(row["scope"] for row in rows):
        pairs = [
            f"{cells[client, 'own', metric]:.3f} / {cells[client, 'FedAvg', metric]:.3f}"
            for metric in _ERRORS
        ]
        sizes = [f"{cells[client, 'size', name]:.0f}" for name in ("users", "train ratings")]
        body.append((client, *sizes, *pairs, f"{cells[client, 'alone', 'mae']:.3f}"))
    said = f"""
        The clients of seed {first} on their own test ratings: the client's own model after the last local
        epochs / the model averaged from all; and the MAE of a model that never was averaged:"""
    head = ("", "users", "ratings", *_ERRORS.values(), "MAE alone")
    return f"{_wrapped(said)}\n{markdown(head, body)}"


def _rankings(results: Results) -> str:
    body = [
        (
            _NAMES.get(name, name),
            *(
                results.spread("ranking", name, metric, scope)
                for scope in ("unseen", "rated")
                for metric in ("recall_at_10", "ndcg_at_10")
            ),
        )
        for name in results.models("ranking", "unseen")
    ]
    head = (
        *("model", "Recall@10, unseen films", "NDCG@10, unseen films"),
        *("Recall@10, rated test films", "NDCG@10, rated test films"),
    )
    said = f"""
        Rankings for at most {_settings(results)["ranked"]} users a seed. Relevant are test films rated 4 or
        better. Candidates are either all films that the user has not rated in training, or only the films of
        the user's own test ratings, of which no recommender would know:"""
    return f"{_wrapped(said)}\n{markdown(head, body)}"


def _next(results: Results) -> str:
    setting = _settings(results)
    body = [
        (
            _NAMES.get(name, name),
            *(results.spread("next", name, metric, "unseen") for metric in ("recall_at_10", "ndcg_at_10")),
        )
        for name in results.models("next", "unseen")
    ]
    said = f"""
        The sequence model: vectors of user and last four films (32 each), one hidden layer of 64, softmax
        over films, cross-entropy, Adam at rate {setting["following learning_rate"]}, batch
        {setting["following batch_size"]}, {setting["following epochs"]} local epochs; rounds of FedAvg:
        {setting["following_rounds"]}. It is trained on at most {setting["recent"]} films a user and asked for
        each of the {setting["held"]} last, among all films that the user had not seen. Films with fewer than
        {setting["least"]} ratings have no output of their own; so
        {100 * results.mean("next", "size", "answerable"):.0f} % of the cases can be answered at all, and the
        others count as missed. One film is to be found a case: Recall@10 is the hit rate:"""
    return f"{_wrapped(said)}\n{markdown(('model', 'Recall@10', 'NDCG@10'), body)}"


def _ablation(results: Results) -> str:
    body: list[tuple[object, ...]] = []
    for scope, full in (("network", "all features"), ("averages", "both (biases)")):
        base = results.by_seed("ablation", full, "mae", scope)
        for name in results.models("ablation", scope):
            changes = [
                value - start
                for value, start in zip(results.by_seed("ablation", name, "mae", scope), base, strict=True)
            ]
            change = "" if name == full else f"{sum(changes) / len(changes):+.3f}"
            body.append((f"{scope}: {name}", results.spread("ablation", name, "mae", scope), change))
    return markdown(("", "MAE", "change"), body)


def _cold(results: Results) -> str:
    body = [
        (
            f"new {scope}: {_NEW.get(name, name)}",
            *(results.spread("cold", name, metric, scope) for metric in ("mae", "rmse")),
        )
        for scope in ("users", "films")
        for name in results.models("cold", scope)
    ]
    said = f"""
        New users, new films: a tenth of the users, then a tenth of the films, is held out with all ratings.
        The network has learned to do without a vector of the user, and of the film, on a share of
        {_settings(results)["forget"]} of the samples each, and is told features alone of what is new:"""
    return f"{_wrapped(said)}\n{markdown(('', 'MAE', 'RMSE'), body)}"


def _top(results: Results) -> str:
    rows = where(results.rows, part="top")
    genres = ", ".join(
        f"{float(row['value']):.2f} for {row['note']}" for row in rows if row["metric"].startswith("genre ")
    )
    body = [(row["note"], f"{float(row['value']):.2f}") for row in rows if row["metric"].startswith("film ")]
    said = f"""
        User {rows[0]["scope"]}, the one with the median number of ratings ({float(rows[0]["value"]):.0f} in
        training, seed {results.seeds()[0]}), has the damped means {genres}. Of films with
        {_settings(results)["popular"]} ratings or more the network recommends:"""
    return f"{_wrapped(said)}\n{markdown(('film: genres', 'predicted'), body)}"
