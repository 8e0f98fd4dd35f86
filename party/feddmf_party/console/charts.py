"""What charts are drawn from: names and numbers, with nothing where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from feddmf.web.thinning import thinned
from feddmf_party.api import models, one_run

__all__ = ["alignment_chart", "calibration_chart", "histogram_chart", "precision_chart", "recall_chart"]

# Phases that are long enough for a line, as people should read them.
_PHASES = {"pilot": "First training, with some items hidden", "align": "Training"}
_LEAST_ROUNDS = 3

Chart = dict[str, Any]


def alignment_chart(rounds: Sequence[one_run.Round]) -> Chart | None:
    """Return how well this party's vectors agree with its peers', by round; None where nothing says so."""
    told = [(each.phase, each.number, _number(each.figures.get("cosine"))) for each in rounds]
    phases = dict.fromkeys(phase for phase, _, cosine in told if cosine is not None)
    long = [phase for phase in phases if sum(each[0] == phase for each in told) >= _LEAST_ROUNDS]
    every = [each for each in told if each[0] in long and each[2] is not None]
    if not every:
        return None
    shown = [every[place] for place in thinned(len(every))]
    return {
        "kind": "line",
        "x": {"name": "Round", "values": [number for _, number, _ in shown]},
        "y": {"name": "Agreement", "max": 1},
        "series": [
            {
                "name": _PHASES.get(phase, phase),
                "values": [cosine if each == phase else None for each, _, cosine in shown],
            }
            for phase in long
        ],
    }


def calibration_chart(bins: Sequence[models.Bin]) -> Chart | None:
    """Return what was predicted against what came true; None where nothing was measured."""
    told = [(each.predicted, each.observed) for each in bins if each.predicted is not None]
    if not told:
        return None
    predicted = [_rounded(value) for value, _ in told]
    return {
        "kind": "line",
        "x": {"name": "Predicted probability", "values": predicted, "percent": True, "min": 0},
        "y": {"name": "Share that came true", "percent": True, "min": 0},
        "series": [
            {"name": "Came true", "values": [_rounded(value) for _, value in told]},
            {"name": "Perfect", "values": predicted, "dashed": True},
        ],
    }


def precision_chart(preview: models.PreviewAnswer) -> Chart | None:
    """Return expected precision by the size of the audience, popularity's beside it."""
    return _curve(preview, "precision", "Expected precision", popularity=True)


def recall_chart(preview: models.PreviewAnswer) -> Chart | None:
    """Return expected recall by the size of the audience."""
    return _curve(preview, "recall", "Expected recall", popularity=False)


def histogram_chart(preview: models.PreviewAnswer) -> Chart | None:
    """Return how many customers have which score; None where all are in one part of the range."""
    likely = preview.score_kind == "probability"
    last = max((place for place, bar in enumerate(preview.histogram) if bar.users), default=0)
    shown = preview.histogram[: last + 1]
    if not last:
        return None
    return {
        "kind": "bar",
        "x": {
            "name": "Probability" if likely else "Score",
            "values": [_range(bar.lower, bar.upper, percent=likely) for bar in shown],
        },
        "y": {"name": "Customers"},
        "series": [{"name": "Customers", "values": [bar.users for bar in shown]}],
    }


def _curve(preview: models.PreviewAnswer, what: str, name: str, *, popularity: bool) -> Chart | None:
    points = [(point, getattr(point.expected, what)) for point in preview.curve if point.expected is not None]
    if not points:
        return None
    series: list[dict[str, Any]] = [
        {
            "name": name,
            "values": _column(interval.value for _, interval in points),
            "lower": _column(interval.lower for _, interval in points),
            "upper": _column(interval.upper for _, interval in points),
        }
    ]
    if popularity and any(point.popularity is not None for point, _ in points):
        values = _column(point.popularity for point, _ in points)
        series.append({"name": "As many of the busiest customers", "values": values, "dashed": True})
    return {
        "kind": "line",
        "x": {
            "name": "Customers in the audience",
            "values": [point.size for point, _ in points],
            "log": True,
        },
        "y": {"name": name, "percent": True, "min": 0},
        "mark": preview.size,
        "series": series,
    }


def _column(values: Iterable[float | None]) -> list[float | None]:
    return [_rounded(value) for value in values]


def _range(lower: float, upper: float, *, percent: bool) -> str:
    return f"{100 * lower:.3g} to {100 * upper:.3g} %" if percent else f"{lower:.3g} to {upper:.3g}"


def _rounded(value: float | None) -> float | None:
    number = _number(value)
    return None if number is None else float(f"{number:.4g}")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
