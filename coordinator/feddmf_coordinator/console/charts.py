"""A run's curves as charts: what is drawn, and shown as a table beside it."""

from __future__ import annotations

from typing import Any

from feddmf.protocols.feddmf import CLOSE
from feddmf.web.thinning import thinned
from feddmf_coordinator.curves import Column, Curves

__all__ = ["charts_of"]

# Of a run whose protocol aligns: cosines, which end at 1.
_COSINES = ("alignment", "probe")


def charts_of(curves: Curves, *, still: bool = False) -> tuple[dict[str, Any], ...]:
    """Return a chart of the cosines, one of the parties' losses, one of each other figure.

    still: whether they are drawn without a movement, as those that are drawn again and again should be.
    """
    cosines = {
        name: _without_starts(curves, curves.figures[name]) for name in _COSINES if name in curves.figures
    }
    others = {name: column for name, column in curves.figures.items() if name not in _COSINES}
    made = [
        _chart(curves, "How well the parties' vectors agree", "mean cosine", cosines),
        _chart(curves, "Training loss of each party", "loss", curves.losses),
    ]
    made += [
        _chart(curves, name.replace("_", " ").capitalize(), name.replace("_", " "), {name: column})
        for name, column in others.items()
    ]
    return tuple({**chart, "still": still} for chart in made if chart is not None)


def _chart(curves: Curves, caption: str, unit: str, columns: Any) -> dict[str, Any] | None:
    places = thinned(curves.done)
    series = [
        {"name": name, "values": [column[place] for place in places]}
        for name, column in columns.items()
        if _says_something(column)
    ]
    if not series:
        return None
    return {
        "caption": caption,
        "kind": "line",
        "x": {"name": "round", "values": [place + 1 for place in places]},
        "y": {"name": unit},
        "series": series,
        "gaps": True,
    }


def _without_starts(curves: Curves, column: Column) -> Column:
    """Return a column without the first round of each training, before which nobody has trained."""
    return tuple(
        value if number > 1 or phase == CLOSE else None
        for value, number, phase in zip(column, curves.numbers, curves.phases, strict=True)
    )


def _says_something(column: Column) -> bool:
    return any(value is not None for value in column)
