"""Answers as rows: for programs with all that is known of each, for people what says something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from feddmf_party.answering import Backing
from feddmf_party.prediction import Block
from feddmf_party.prediction_table import answers_of, score_column

__all__ = ["answered", "ranking", "shown"]

Row = dict[str, Any]


def answered(blocks: Iterable[Block], backings: Sequence[Backing], score_kind: str) -> Iterator[Row]:
    """Yield the rows of `answers_of`; who alone counts disagrees with nobody."""
    for block in blocks:
        for row, backing in zip(answers_of(block, backings, score_kind), cycle(backings), strict=False):
            yield row if backing.several else {**row, "disagreement": None}


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


def ranking(block: Block, backing: Backing, score_kind: str) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns of an audience for people, and its rows for all."""
    owned = len(backing.attribute.owners) > 1
    columns = ("rank", "user", _header([backing], score_kind), *(["disagreement"] if owned else []))
    rows = zip(block.users, block.probabilities[:, 0], block.disagreement[:, 0], strict=True)
    return columns, [
        {"rank": rank, "user": user, score_column(score_kind): float(score)}
        | ({"disagreement": float(apart) if backing.several else None} if owned else {})
        for rank, (user, score, apart) in enumerate(rows, 1)
    ]


def _header(backings: Sequence[Backing], score_kind: str) -> str:
    """Return what scores are, for people; none is called a probability before it was held against truth."""
    calibrated = score_kind != "probability" or any(backing.calibrated for backing in backings)
    return score_kind if calibrated else f"uncalibrated {score_kind}"
