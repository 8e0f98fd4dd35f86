"""Federated collaborative filtering at the coordinator: parties sum over their users, it steps the items.

Phases: `items` exchanges sums for the factors of matched items; `close` measures where they ended. J is that
of `feddmf.als`, over the cells of each party that is there: its users by the items that it sells. Source:
Ammad-ud-din et al., "Federated collaborative filtering" (2019); `mm` and `exact` are other item steps for the
same J.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from feddmf.als import majorised_step, packed_length, solve_statistics
from feddmf.payload import ArraySpec, Axis, DType, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Arrays, Capabilities, Phase
from feddmf.protocols.summed import Present, Step, Totals
from feddmf.starts import keyed_normal

__all__ = ["FCF", "ITEMS", "LOSS_UNIT", "START_STD", "FCFState"]

ITEMS = "items"
"""The phase in which items are stepped."""

START_STD = 0.01
"""Standard deviation of item factors at the start."""

LOSS_UNIT = 2.0**10
"""What a loss of 1 on the wire stands for: J grows with the pairs, and masks hide small numbers alone."""

Floats = npt.NDArray[np.float64]

_CLOSE = "close"
# Sums over all users of a party: they grow with the party, and say nothing of how well training goes.
_MOST = 1e12
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True, eq=False)
class FCFState:
    """What the coordinator remembers between rounds.

    factors, first, second: Y and Adam's two moments, [n_aligned, rank]; taken: steps of Adam that each item
    has taken, int64 [n_aligned]: fewer than there were rounds where all who sell it were absent.
    """

    plan: Plan
    factors: Floats
    first: Floats
    second: Floats
    taken: npt.NDArray[np.int64]


class FCF:
    """Factors of matched items from sums over the parties' users; a `SumProtocol`."""

    capabilities = Capabilities(name="fcf", quorum=True)

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the items and close phases."""
        settings = plan.settings.fcf
        loss = _spec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1, most=_MOST)
        down = _spec("factors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, settings.rank)
        up = PayloadSchema((*_sums(settings.method, settings.rank), loss))
        return (
            Phase(ITEMS, settings.rounds, up, PayloadSchema((down,))),
            Phase(_CLOSE, 1, PayloadSchema((loss,))),
        )

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of the offered items' factors."""
        rank = plan.settings.fcf.rank
        return PayloadSchema((_spec("vectors", ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS, rank),))

    def init(self, plan: Plan, rows: MatchedRows) -> FCFState:
        """Return the state before the first round; every party draws the same factors for its own items."""
        factors = keyed_normal(rows.keys, plan.settings.fcf.rank, START_STD, plan.settings.seed)
        return _fresh(plan, factors)

    def step(
        self,
        state: FCFState,
        phase: str,
        number: int,  # noqa: ARG002  (each item counts its own steps)
        totals: Totals,
        present: Present,
    ) -> Step:
        """Measure J at the factors that the parties had; step the items, unless the run closes.

        Raises RunFailed where the step has no single solution.
        """
        settings, sold = state.plan.settings.fcf, present.sold
        own = state.factors[sold]
        # Lambda counts once for an item, however many parties sell it; so it is for the coordinator to add.
        objective = LOSS_UNIT * float(totals["loss"][0, 0]) + settings.regularization * float(
            np.vdot(own, own)
        )
        diagnostics = {"objective": objective, "method": settings.method}
        if phase == _CLOSE:
            return Step(state, {}, {}, diagnostics, done=True)
        state = _stepped(state, totals, sold)
        return Step(state, {"factors": state.factors}, {}, diagnostics)

    def snapshot(self, state: FCFState) -> Arrays:
        """Return the factors, and what Adam remembers."""
        if state.plan.settings.fcf.method != "adam":
            return {"factors": state.factors}
        moments = {"first": state.first, "second": state.second, "taken": state.taken}
        return {"factors": state.factors, **moments}

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> FCFState:  # noqa: ARG002
        """Return the state that `snapshot` was made of."""
        state = _fresh(plan, snapshot["factors"])
        if "taken" not in snapshot:
            return state
        first, second, taken = (snapshot[name] for name in ("first", "second", "taken"))
        return replace(state, first=first, second=second, taken=taken)


def _fresh(plan: Plan, factors: Floats) -> FCFState:
    empty = np.zeros_like(factors)
    return FCFState(plan, factors, empty, empty, np.zeros(len(factors), dtype=np.int64))


def _stepped(state: FCFState, totals: Totals, sold: npt.NDArray[np.bool_]) -> FCFState:
    """Step the items that are `sold` by somebody who is there; sums over nobody would pull them to zero."""
    settings, own = state.plan.settings.fcf, state.factors[sold]
    if settings.method == "exact":
        stepped = solve_statistics(totals["statistics"][sold], settings.rank, settings.regularization)
        return replace(state, factors=_with_rows(state.factors, sold, stepped))
    slope = totals["gradient"][sold]
    if settings.method == "mm":
        # The Grams of all parties, times the largest confidence there can be, are at least the weighted Gram
        # of the users of those that sell an item, whoever they are: the sum majorises J for every overlap.
        stepped = majorised_step(own, slope, totals["gram"][0], settings.regularization)
        return replace(state, factors=_with_rows(state.factors, sold, stepped))
    return _adam(state, slope + 2 * settings.regularization * own, sold, settings.learning_rate)


def _adam(state: FCFState, slope: Floats, sold: npt.NDArray[np.bool_], learning_rate: float) -> FCFState:
    """Adam, algorithm 1 of Kingma and Ba (2015), with their constants, on the rows that are `sold`."""
    taken = state.taken + sold
    step = taken[sold, None]  # [sold, 1]
    first = _BETA_1 * state.first[sold] + (1 - _BETA_1) * slope
    second = _BETA_2 * state.second[sold] + (1 - _BETA_2) * slope**2
    mean, spread = first / (1 - _BETA_1**step), second / (1 - _BETA_2**step)
    factors = state.factors[sold] - learning_rate * mean / (np.sqrt(spread) + _EPSILON)
    return replace(
        state,
        factors=_with_rows(state.factors, sold, factors),
        first=_with_rows(state.first, sold, first),
        second=_with_rows(state.second, sold, second),
        taken=taken,
    )


def _with_rows(table: Floats, chosen: npt.NDArray[np.bool_], rows: Floats) -> Floats:
    """Return a copy with other rows: what was given out before must not change."""
    changed = table.copy()
    changed[chosen] = rows
    return changed


def _sums(method: str, rank: int) -> tuple[ArraySpec, ...]:
    """Return what each method needs to know of a party's users."""
    if method == "exact":
        columns = packed_length(rank) + rank
        return (
            _spec("statistics", ReleaseKind.SUFFICIENT_STATISTICS, Axis.MATCHED_ITEMS, columns, most=_MOST),
        )
    slope = _spec("gradient", ReleaseKind.ITEM_GRADIENT, Axis.MATCHED_ITEMS, rank, most=_MOST)
    if method == "adam":
        return (slope,)
    return (slope, _spec("gram", ReleaseKind.GRAM, Axis.ONE, packed_length(rank), most=_MOST))


def _spec(name: str, kind: ReleaseKind, axis: Axis, columns: int, *, most: float = 1e4) -> ArraySpec:
    return ArraySpec(name, kind, axis, columns, DType.FLOAT64, max_row_norm=most)
