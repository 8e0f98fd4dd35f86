"""All figures of one peer's vectors on the items that a party hid from itself, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.audience import AudienceFigures, audiences
from feddmf.quality.evidence import Evidence
from feddmf.quality.intervals import Interval, Resampling
from feddmf.quality.ranked import RankedCells
from feddmf.quality.reliability import Reliability
from feddmf.quality.rungs import Rungs, ratio

__all__ = ["Figures", "measure"]

Floats = npt.NDArray[np.float64]

# What is published was trained again, with the hidden items: its AUC has come out .002 higher in the mean.
_RETRAINING = 0.002


@dataclass(frozen=True, eq=False)
class Figures:
    """How well a peer's vectors work for a party's own users. A figure without meaning is nan.

    users, items, positives: what it was measured on; base_rate: share of positive cells; roc_auc,
    average_precision: over all cells; f1: at the head's threshold; taste: average precision less that of the
    same scores' item mean times user mean, which knows what is popular and who is active but nobody's taste.
    """

    peer: str
    users: int
    items: int
    positives: int
    base_rate: float
    threshold: float
    roc_auc: Interval
    average_precision: Interval
    f1: Interval
    taste: Interval
    audiences: tuple[AudienceFigures, ...]
    reliability: Reliability


def measure(evidence: Evidence, threshold: float, *, seed: int = 0) -> Figures:
    """Return all figures of `evidence`, with a probability above `threshold` called positive.

    seed: of the draws behind the intervals.
    """
    truth, scores = evidence.truth, evidence.scores
    resampling = Resampling.of(truth, seed)
    plain = _popularity_x_activity(scores)
    cells, plain_cells = RankedCells.of(truth, scores), RankedCells.of(truth, plain)
    rungs, plain_rungs = Rungs.of_ranked(cells), Rungs.of_ranked(plain_cells)
    ladder = cells.ladder()
    precision = ladder.average_precision()
    called = scores > threshold
    hits = np.count_nonzero(called & truth, axis=0)  # [hidden]
    named = np.count_nonzero(called, axis=0) + np.count_nonzero(truth, axis=0)
    owned = truth.any()

    def f1(drawn: Floats) -> Floats:
        return ratio(2 * (drawn @ hits), drawn @ named) if owned else np.full(len(drawn), np.nan)

    def taste(drawn: Floats) -> Floats:
        return rungs.average_precision(drawn) - plain_rungs.average_precision(drawn)

    return Figures(
        peer=evidence.peer,
        users=evidence.users,
        items=len(evidence.items),
        positives=evidence.positives,
        base_rate=evidence.positives / truth.size if truth.size else float("nan"),
        threshold=threshold,
        roc_auc=resampling.interval(rungs.roc_auc, exact=ladder.roc_auc(), allowance=_RETRAINING),
        average_precision=resampling.interval(rungs.average_precision, exact=precision),
        f1=resampling.interval(f1),
        taste=resampling.interval(
            taste, exact=precision - plain_cells.ladder().average_precision(), scale="difference"
        ),
        audiences=audiences(evidence, resampling),
        reliability=Reliability.of(truth, scores, cells),
    )


def _popularity_x_activity(scores: npt.NDArray[np.float32]) -> Floats:
    """Return item mean times user mean of probabilities, [users, items]."""
    if not scores.size:
        return scores.astype(np.float64)
    return np.outer(scores.mean(axis=1, dtype=np.float64), scores.mean(axis=0, dtype=np.float64))
