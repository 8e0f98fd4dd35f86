"""What masks do not hide in a run, in plain words, before anybody relies on them."""

from __future__ import annotations

import numpy as np

from feddmf.plan import MatchedRows, Plan

__all__ = ["mask_notices"]

_PAIR = 2


def mask_notices(plan: Plan, rows: MatchedRows) -> tuple[str, ...]:
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
    pairs = int(np.count_nonzero(rows.owners == _PAIR))
    if not pairs:
        return ()
    notice = (
        f"{pairs} of {rows.n_aligned} matched items are sold by only two parties of the run: for these items "
        "masks hide nothing of what one contributes from the other, which subtracts its own contribution "
        "from the total; they hide it from the coordinator and from the other parties"
    )
    return (notice,)
