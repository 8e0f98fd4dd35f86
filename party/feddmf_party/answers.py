"""Answers as rows for programs, with all that is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any

from feddmf_party.answering import Backing
from feddmf_party.prediction import Block
from feddmf_party.prediction_table import answers_of, score_column
from feddmf_party.questions import Audience

__all__ = ["Row", "answered", "ranked"]

Row = dict[str, Any]


def answered(blocks: Iterable[Block], backings: Sequence[Backing], score_kind: str) -> Iterator[Row]:
    """Yield the rows of `answers_of`; who alone counts disagrees with nobody."""
    for block in blocks:
        for row, backing in zip(answers_of(block, backings, score_kind), cycle(backings), strict=False):
            yield row if backing.several else {**row, "disagreement": None}


def ranked(found: Audience, score_kind: str) -> list[Row]:
    """Return the rows of an audience, best first; `disagreement` where its attribute has several owners."""
    block, backing = found.block, found.wanted.only
    owned = backing is not None and len(backing.attribute.owners) > 1
    several = backing is not None and backing.several
    rows = zip(block.users, block.probabilities[:, 0], block.disagreement[:, 0], strict=True)
    return [
        {"rank": rank, "user": user, score_column(score_kind): float(score)}
        | ({"disagreement": float(apart) if several else None} if owned else {})
        for rank, (user, score, apart) in enumerate(rows, 1)
    ]
