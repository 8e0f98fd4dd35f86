"""Explicit feedback as in the published slides: DeepMF with features, FedAvg over ten clients, baselines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from feddmf_party.reproduce.experiment import Experiment, Options, Row, Rows, Told

__all__ = ["RATINGS"]

# scope: which ratings, clients or candidates; note: what a number cannot say.
_COLUMNS = ("part", "dataset", "seed", "model", "scope", "metric", "value", "note")


def _run(options: Options, told: Told) -> Iterator[Row]:
    from feddmf_party.datasets import load_films
    from feddmf_party.ratings.rows import ratings_rows
    from feddmf_party.ratings.trial import FULL, QUICK

    plan = QUICK if options.quick else FULL
    films = load_films(options.dataset, options.data_dir)
    yield from ratings_rows(films, plan, options.seeds, told)


def _plot(rows: Rows, path: Path) -> None:
    from feddmf_party.ratings.picture import draw

    draw(rows, path)


def _section(rows: Rows) -> str:
    from feddmf_party.ratings.report import report

    return report(rows)


RATINGS = Experiment(
    name="ratings",
    title="Ratings mode: explicit feedback",
    columns=_COLUMNS,
    run=_run,
    plot=_plot,
    section=_section,
)
