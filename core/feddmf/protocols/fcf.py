"""Federated collaborative filtering at the coordinator: parties sum over their users, it steps the items.

Phases: `items` exchanges sums for the factors of matched items; `close` measures where they ended. J is that
of `feddmf.als`, over the cells of each party: its users by the items that it sells. Source: Ammad-ud-din et
al., "Federated collaborative filtering" (2019); `mm` and `exact` are other item steps for the same J.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from feddmf.als import majorised_step, packed_length, solve_statistics
from feddmf.payload import ArraySpec, Axis, DType, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Capabilities, Phase
from feddmf.protocols.summed import Step, Totals
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
    """What the coordinator remembers between rounds, all [n_aligned, rank]: Y and Adam's two moments."""

    plan: Plan
    factors: Floats
    first: Floats
    second: Floats


class FCF:
    """Factors of matched items from sums over the parties' users; a `SumProtocol`."""

    capabilities = Capabilities(name="fcf")

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
        return FCFState(plan, factors, np.zeros_like(factors), np.zeros_like(factors))

    def step(self, state: FCFState, phase: str, number: int, totals: Totals) -> Step:
        """Measure J at the factors that the parties had; step the items, unless the run closes.

        Raises RunFailed where the step has no single solution.
        """
        settings = state.plan.settings.fcf
        # Lambda counts once for an item, however many parties sell it; so it is for the coordinator to add.
        objective = LOSS_UNIT * float(totals["loss"][0, 0]) + settings.regularization * float(
            np.vdot(state.factors, state.factors)
        )
        diagnostics = {"objective": objective, "method": settings.method}
        if phase == _CLOSE:
            return Step(state, {}, {}, diagnostics, done=True)
        state = _stepped(state, number, totals)
        return Step(state, {"factors": state.factors}, {}, diagnostics)


def _stepped(state: FCFState, number: int, totals: Totals) -> FCFState:
    settings = state.plan.settings.fcf
    if settings.method == "exact":
        factors = solve_statistics(totals["statistics"], settings.rank, settings.regularization)
        return replace(state, factors=factors)
    if settings.method == "mm":
        # The Grams of all parties, times the largest confidence there can be, are at least the weighted Gram
        # of the users of those that sell an item, whoever they are: the sum majorises J for every overlap.
        factors = majorised_step(
            state.factors, totals["gradient"], totals["gram"][0], settings.regularization
        )
        return replace(state, factors=factors)
    slope = totals["gradient"] + 2 * settings.regularization * state.factors
    return _adam(state, slope, number + 1, settings.learning_rate)


def _adam(state: FCFState, slope: Floats, step: int, learning_rate: float) -> FCFState:
    """Adam, algorithm 1 of Kingma and Ba (2015), with their constants."""
    first = _BETA_1 * state.first + (1 - _BETA_1) * slope
    second = _BETA_2 * state.second + (1 - _BETA_2) * slope**2
    mean, spread = first / (1 - _BETA_1**step), second / (1 - _BETA_2**step)
    factors = state.factors - learning_rate * mean / (np.sqrt(spread) + _EPSILON)
    return replace(state, factors=factors, first=first, second=second)


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
