"""Federated averaging at the coordinator: the shareable part of DeepMF, averaged over who has it.

Phases: `average` exchanges each party's part for the average; `close` lets the last average be taken in.
User vectors and the rows of exclusive items stay home. Source: FedDMF paper, eq. 3, item by item over the
parties that sell it and are there; McMahan et al., "Communication-efficient learning of deep networks"
(2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import RunFailed
from feddmf.payload import ArraySpec, Axis, DType, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Arrays, Capabilities, Phase
from feddmf.protocols.summed import Present, Step, Totals
from feddmf.runfile import ModelSettings
from feddmf.starts import keyed_normal

__all__ = ["CLOSE", "START_STD", "FedAvg", "FedAvgState", "layer_numbers"]

CLOSE = "close"

START_STD = 0.1
"""Standard deviation of item vectors at the start."""

_VECTOR_NORM = 1e4
_LOSS = ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)


@dataclass(frozen=True, eq=False)
class FedAvgState:
    """What the coordinator remembers between rounds; vectors: the last averages, float32 [n_aligned, dim]."""

    weighted: bool
    vectors: npt.NDArray[np.float32]


class FedAvg:
    """DeepMF models whose matched items and layers are averaged.

    Under `weighting = "samples"` parties send their part times their weight, and the weight: who sees a
    weight in the open knows how many pairs that party trains on.
    """

    capabilities = Capabilities(name="fedavg", quorum=True)

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
        """Return the state before the first round; every party draws the same vectors for its own items."""
        settings = plan.settings
        start = keyed_normal(rows.keys, settings.model.embedding_dim, START_STD, settings.seed)
        return FedAvgState(_weighted(plan), start.astype(np.float32))

    def step(
        self,
        state: FedAvgState,
        phase: str,
        number: int,  # noqa: ARG002  (every round is alike)
        totals: Totals,
        present: Present,
    ) -> Step:
        """Divide the totals by who added to them; raises RunFailed where the weights are none."""
        diagnostics = {"loss": float(totals["loss"][0, 0]) / present.parties}
        if phase == CLOSE:
            return Step(state, {}, {}, diagnostics, done=True)
        sold = present.sold
        by_item = present.owners[sold, None].astype(np.float64)
        overall = np.array([[float(present.parties)]])
        if state.weighted:
            by_item, overall = totals["weights"][sold], totals["weight"]
            if not ((by_item > 0).all() and overall.min() > 0):
                raise RunFailed(
                    "the parties' weights add up to nothing or less, so no average can be taken",
                    hint='all must run the same version; weighting = "uniform" needs no weights',
                )
        # What nobody who is there sells keeps its last average.
        vectors = state.vectors.copy()
        vectors[sold] = (totals["vectors"][sold] / by_item).astype(np.float32)
        layers = (totals["layers"] / overall).astype(np.float32)
        told = {"vectors": vectors}, {"layers": layers}
        return Step(FedAvgState(state.weighted, vectors), *told, diagnostics)

    def snapshot(self, state: FedAvgState) -> Arrays:
        """Return the last averages."""
        return {"vectors": state.vectors}

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> FedAvgState:  # noqa: ARG002
        """Return the state that `snapshot` was made of."""
        return FedAvgState(_weighted(plan), snapshot["vectors"])


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
