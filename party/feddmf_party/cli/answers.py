"""Answers as tables for people: what says something of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feddmf_party.answering import Backing
from feddmf_party.prediction_table import score_column
from feddmf_party.wanted import Wanted

__all__ = ["ranking_columns", "shown"]


def shown(
    answers: Iterable[Mapping[str, Any]], backings: Sequence[Backing], score_kind: str
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return columns and rows for people: those that say nothing of any attribute are left out."""
    names = {each: each for each in ("user", "attribute", "owner")}
    names[score_column(score_kind)] = _header(backings, score_kind)
    if any(backing.threshold is not None for backing in backings):
        names["above_threshold"] = "above"
    if any(len(backing.attribute.owners) > 1 for backing in backings):
        names["disagreement"] = "disagreement"
    return list(names.values()), [tuple(answer[name] for name in names) for answer in answers]


def ranking_columns(wanted: Wanted, score_kind: str) -> tuple[str, ...]:
    """Return the columns of an audience for people, those of its rows in order."""
    owned = wanted.only is not None and len(wanted.only.attribute.owners) > 1
    return ("rank", "user", _header([wanted], score_kind), *(["disagreement"] if owned else []))


def _header(backings: Sequence[Backing | Wanted], score_kind: str) -> str:
    """Return what scores are, for people; none is called a probability before it was held against truth."""
    calibrated = score_kind != "probability" or any(backing.calibrated for backing in backings)
    return score_kind if calibrated else f"uncalibrated {score_kind}"
