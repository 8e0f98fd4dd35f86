"""What masks do not hide in a run, in plain words, before anybody relies on them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from feddmf.plan import Plan, StageRows

__all__ = ["mask_notices"]

_PAIR = 2


def mask_notices(plan: Plan, rows: StageRows) -> tuple[str, ...]:
    """Return what the parties of a masked run must know; nothing where masks hide all, or are off.

    Everybody is told averages or sums; who knows that it has one partner in a sum subtracts its own part.
    """
    if not plan.settings.masks:
        return ()
    if len(plan.roster) == _PAIR:
        notice = (
            "with two parties masks hide nothing from your only partner: it subtracts its own contribution "
            "from the total; they hide it from the coordinator"
        )
        return (notice,)
    return tuple(_of_pairs(rows)) + tuple(_of_overlaps(rows))


def _of_pairs(rows: StageRows) -> Iterator[str]:
    pairs = int(np.count_nonzero(rows.owners == _PAIR))
    if pairs:
        yield (
            f"{pairs} of {rows.n_aligned} matched items are sold by only two parties of the run: for these "
            "items masks hide nothing of what one contributes from the other, which subtracts its own "
            "contribution from the total"
        )


def _of_overlaps(rows: StageRows) -> Iterator[str]:
    sells = np.zeros((rows.n_aligned, len(rows.aligned)), dtype=np.bool_)
    for column, own in enumerate(rows.aligned.values()):
        sells[own, column] = True
    sets = len(np.unique(sells, axis=0))
    if sets > 1:
        yield (
            f"matched items are sold by {sets} different sets of parties: the coordinator has totals for "
            "each, and by holding them against one another can work out a part of what single parties sent"
        )
