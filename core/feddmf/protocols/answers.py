"""What the coordinator tells each party of a round of matched vectors: targets, or means with a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.alignment import Agreement, agree, align, tie
from feddmf.plan import Plan, StageRows
from feddmf.protocols.marked import Marked, draw_marks
from feddmf.protocols.pulled import Pulled
from feddmf.protocols.tables import over_tables

__all__ = ["Sent", "answer"]

# By table and party: the aligned rows of what was sent, [rows of the party, dim].
Sent = Mapping[str, Mapping[str, npt.NDArray[np.floating[Any]]]]


def answer(
    plan: Plan, stage: StageRows, at: tuple[str, int], sent: Sent
) -> tuple[Agreement, Mapping[str, Sequence[Marked | Pulled]]]:
    """Measure a round, and return what each party is told of each table.

    at: phase and number of the round, where marks are drawn.
    """
    alignment = plan.settings.alignment
    if alignment.method == "tie":
        agreed = [agree(own, stage.aligned, stage.n_aligned, alignment.margin) for own in sent.values()]
        return over_tables(agreed), _tied(plan, stage, at, sent)
    measured = [align(own, stage.aligned, stage.n_aligned, alignment.margin) for own in sent.values()]
    told = {
        party: [
            Pulled(vectors[party], each.targets[party], each.pulling[party])
            for vectors, each in zip(sent.values(), measured, strict=True)
        ]
        for party in plan.roster
    }
    return over_tables(measured), told


def _tied(plan: Plan, stage: StageRows, at: tuple[str, int], sent: Sent) -> dict[str, list[Marked]]:
    """Return for each party the means over its items' owners, with its mark on them."""
    means = [tie(vectors, stage.aligned, stage.n_aligned) for vectors in sent.values()]
    told = {}
    for party in plan.roster:
        own = [table[party] for table in means]
        marks = draw_marks(own, plan.settings.seed, party, *at)
        for mark, table in zip(marks, own, strict=True):
            mark.add_to(table)
        vectors = [table[party] for table in sent.values()]
        told[party] = [Marked(*each) for each in zip(vectors, own, marks, strict=True)]
    return told
