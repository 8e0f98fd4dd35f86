"""Linear transfer at the coordinator: it hands each party its peers' context vectors of the shared items.

Phases: `contexts` exchanges context vectors for those of the peers; `close` takes the loss of each fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feddmf.payload import ArraySpec, Axis, Payload, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Arrays, Capabilities, Dropout, Outcome, Phase
from feddmf.protocols.relaying import side_by_side

__all__ = ["CLOSE", "CONTEXTS", "Transfer", "TransferState"]

CONTEXTS = "contexts"
CLOSE = "close"


@dataclass(frozen=True, eq=False)
class TransferState:
    """What the coordinator remembers between the two rounds."""

    plan: Plan
    rows: MatchedRows


class Transfer:
    """One exchange of linear maps: matched items' context vectors now, offered items' targets after."""

    capabilities = Capabilities(name="transfer")

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the contexts and close phases; a reply has a block of columns for each peer, sorted."""
        rank, peers = plan.settings.transfer.rank, len(plan.roster) - 1
        own = ArraySpec("contexts", ReleaseKind.CONTEXT_VECTORS, Axis.MATCHED_ITEMS, rank)
        theirs = ArraySpec(
            "contexts",
            ReleaseKind.CONTEXT_VECTORS,
            Axis.MATCHED_ITEMS,
            rank * peers,
            max_row_norm=own.max_row_norm * peers,
        )
        loss = ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)
        return (
            Phase(CONTEXTS, 1, PayloadSchema((own,)), PayloadSchema((theirs,))),
            Phase(CLOSE, 1, PayloadSchema((loss,))),
        )

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of the offered items' target vectors."""
        rank = plan.settings.transfer.rank
        return PayloadSchema((ArraySpec("vectors", ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS, rank),))

    def init(self, plan: Plan, rows: MatchedRows) -> TransferState:
        """Return the state before the first round."""
        return TransferState(plan, rows)

    def combine(
        self,
        state: TransferState,
        phase: str,
        number: int,  # noqa: ARG002  (each phase has one round)
        contributions: Mapping[str, Payload],
    ) -> Outcome:
        """Give every party its peers' contexts of the items that it shares with each, or take the losses."""
        if phase == CONTEXTS:
            return Outcome(state, side_by_side(contributions, state.rows.aligned), {})
        losses = {party: float(payload["loss"][0, 0]) for party, payload in contributions.items()}
        # Ridge never fits exactly: a loss of 0 is that of a party without an offer that enough have.
        told = [loss for loss in losses.values() if loss > 0]
        diagnostics = {
            "loss": float(np.mean(told)) if told else 0.0,
            "parties": {party: {"loss": loss} for party, loss in losses.items()},
        }
        return Outcome(state, {}, diagnostics, done=True)

    def snapshot(self, state: TransferState) -> Arrays:  # noqa: ARG002  (the interface's)
        """Return nothing: the state is the plan."""
        return {}

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> TransferState:  # noqa: ARG002
        """Return the state of the plan."""
        return self.init(plan, rows)

    def on_dropout(self, state: TransferState, party: str) -> Dropout:  # noqa: ARG002  (the interface's)
        """Abort: nobody else has the party's map."""
        return Dropout.ABORT
