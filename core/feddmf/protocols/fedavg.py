"""Federated averaging at the coordinator: the shareable part of DeepMF, averaged over who has it.

Phases: `average` exchanges each party's part for the average; `close` lets the last average be taken in.
User vectors and the rows of exclusive items stay home. Source: FedDMF paper, eq. 3, item by item over the
parties that sell it; McMahan et al., "Communication-efficient learning of deep networks" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import RunFailed
from feddmf.payload import ArraySpec, Axis, DType, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Capabilities, Phase
from feddmf.protocols.summed import Step, Totals
from feddmf.runfile import ModelSettings

__all__ = ["CLOSE", "FedAvg", "FedAvgState", "layer_numbers"]

CLOSE = "close"

_VECTOR_NORM = 1e4
_LOSS = ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)


@dataclass(frozen=True, eq=False)
class FedAvgState:
    """What stays the same from round to round; owners: how many sell each item, float64 [n_aligned, 1]."""

    weighted: bool
    parties: int
    owners: npt.NDArray[np.float64]


class FedAvg:
    """DeepMF models whose matched items and layers are averaged.

    Under `weighting = "samples"` parties send their part times their weight, and the weight: who sees a
    weight in the open knows how many pairs that party trains on.
    """

    capabilities = Capabilities(name="fedavg")

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the average and close phases."""
        averaged = _averaged(plan.settings.model)
        weights = _WEIGHTS if _weighted(plan) else ()
        up = PayloadSchema((*averaged, _LOSS, *weights))
        down = PayloadSchema(averaged)
        return (
            Phase("average", plan.settings.rounds, up, down),
            Phase(CLOSE, 1, PayloadSchema((_LOSS,))),
        )

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of the offered items' vectors."""
        dim = plan.settings.model.embedding_dim
        return PayloadSchema((ArraySpec("vectors", ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS, dim),))

    def init(self, plan: Plan, rows: MatchedRows) -> FedAvgState:
        """Return the state of every round."""
        return FedAvgState(_weighted(plan), len(plan.roster), rows.owners[:, None].astype(np.float64))

    def step(
        self,
        state: FedAvgState,
        phase: str,
        number: int,  # noqa: ARG002  (every round is alike)
        totals: Totals,
    ) -> Step:
        """Divide the totals by who added to them; raises RunFailed where the weights are none."""
        diagnostics = {"loss": float(totals["loss"][0, 0]) / state.parties}
        if phase == CLOSE:
            return Step(state, {}, {}, diagnostics, done=True)
        by_item, overall = state.owners, np.array([[float(state.parties)]])
        if state.weighted:
            by_item, overall = totals["weights"], totals["weight"]
            if not (by_item.min() > 0 and overall.min() > 0):
                raise RunFailed(
                    "the parties' weights add up to nothing or less, so no average can be taken",
                    hint='all must run the same version; weighting = "uniform" needs no weights',
                )
        vectors = (totals["vectors"] / by_item).astype(np.float32)
        layers = (totals["layers"] / overall).astype(np.float32)
        return Step(state, {"vectors": vectors}, {"layers": layers}, diagnostics)


def layer_numbers(model: ModelSettings) -> int:
    """Return how many numbers the layers of DeepMF have: two halves, two rows a hidden unit long, a bias."""
    return 2 * model.hidden_dim * (model.embedding_dim + 1) + 1


def _averaged(model: ModelSettings) -> tuple[ArraySpec, ...]:
    # All layers make one row, which may be as long as its weight rows together.
    longest = _VECTOR_NORM * (2 * model.hidden_dim + 3) ** 0.5
    return (
        ArraySpec("vectors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, model.embedding_dim),
        ArraySpec("layers", ReleaseKind.SHARED_LAYERS, Axis.ONE, layer_numbers(model), max_row_norm=longest),
    )


_WEIGHTS = (
    ArraySpec("weights", ReleaseKind.QUALITY_SCALAR, Axis.MATCHED_ITEMS, 1, DType.FLOAT64),
    ArraySpec("weight", ReleaseKind.QUALITY_SCALAR, Axis.ONE, 1, DType.FLOAT64),
)


def _weighted(plan: Plan) -> bool:
    return plan.settings.fedavg.weighting == "samples"
