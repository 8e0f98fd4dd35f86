"""FedDMF at the coordinator: it receives matched vectors, measures eq. 4, and replies with targets.

Phases: `align` exchanges vectors for targets; `close` takes the final vectors and decides whether
anything may be published. Source: FedDMF paper, eq. 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from feddmf.alignment import Alignment, align
from feddmf.errors import RunFailed
from feddmf.payload import ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Capabilities, Dropout, Outcome, Phase
from feddmf.protocols.following import Following

__all__ = ["FedDMF", "FedDMFState"]


@dataclass(frozen=True, eq=False)
class FedDMFState:
    """What the coordinator remembers between rounds."""

    plan: Plan
    rows: MatchedRows
    following: Following


class FedDMF:
    """Deep matrix factorizations whose matched item vectors are pulled together by their cosine."""

    capabilities = Capabilities(name="feddmf")

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the align and close phases."""
        dim = plan.settings.model.embedding_dim
        up = PayloadSchema(
            (
                ArraySpec("vectors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, dim),
                ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1),
            )
        )
        down = PayloadSchema(
            (
                ArraySpec("targets", ReleaseKind.ITEM_VECTORS, Axis.ALIGNED_ITEMS, dim),
                ArraySpec("pairs", ReleaseKind.QUALITY_SCALAR, Axis.ONE, 1, DType.UINT64),
            )
        )
        return (Phase("align", plan.settings.rounds, up, down), Phase("close", 1, up))

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of the offered items' vectors."""
        dim = plan.settings.model.embedding_dim
        return PayloadSchema((ArraySpec("vectors", ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS, dim),))

    def init(self, plan: Plan, rows: MatchedRows) -> FedDMFState:
        """Return the state before the first round."""
        return FedDMFState(plan, rows, Following(plan.settings.enforcement))

    def combine(
        self,
        state: FedDMFState,
        phase: str,
        number: int,  # noqa: ARG002  (every round is alike)
        contributions: Mapping[str, Payload],
    ) -> Outcome:
        """Measure the alignment; reply with targets, or at the close decide whether the run holds."""
        settings = state.plan.settings
        rows = state.rows
        vectors = {p: payload["vectors"][: len(rows.aligned[p])] for p, payload in contributions.items()}
        measured = align(vectors, rows.aligned, rows.n_aligned, settings.alignment.margin)
        following, verdicts = state.following.observe(vectors, measured.pulls)
        probe = self._probe(state, contributions)
        diagnostics = {
            "cosine": measured.cosine,
            "loss_emb": settings.alignment.beta * measured.loss,
            "probe_cosine": None if probe is None else probe.cosine,
            "parties": {
                party: {
                    "loss": float(payload["loss"][0, 0]),
                    "cosine": measured.cosines[party],
                    **asdict(verdicts[party]),
                }
                for party, payload in contributions.items()
            },
        }
        if settings.enforcement.not_following == "fail" and settings.alignment.beta > 0:
            following.enforce()
            if phase == "close":
                following.enforce_at_the_end()
        state = replace(state, following=following)
        if phase == "close":
            self._check_probe(probe, settings.enforcement.probe_floor)
            return Outcome(state, {}, diagnostics, done=True)
        return Outcome(state, self._replies(measured), diagnostics)

    def on_dropout(self, state: FedDMFState, party: str) -> Dropout:  # noqa: ARG002  (the interface's)
        """Abort: a party's vectors cannot be replaced by anybody else's."""
        return Dropout.ABORT

    def _replies(self, measured: Alignment) -> dict[str, Payload]:
        pairs = np.array([[measured.pairs]], dtype=np.uint64)
        return {
            party: Payload({"targets": targets, "pairs": pairs})
            for party, targets in measured.targets.items()
        }

    def _probe(self, state: FedDMFState, contributions: Mapping[str, Payload]) -> Alignment | None:
        rows = state.rows
        if not rows.n_probes:
            return None
        vectors = {p: payload["vectors"][len(rows.aligned[p]) :] for p, payload in contributions.items()}
        return align(vectors, rows.probes, rows.n_probes, 0.0)

    def _check_probe(self, probe: Alignment | None, floor: float) -> None:
        """Fail a run whose probe cosine is under the floor, by more than chance alone would explain.

        The cosine of two random directions in d dimensions has variance 1/d, so the mean over a handful
        of probe pairs says little; the floor is lowered by two of its standard errors.
        """
        if probe is None or not probe.pairs:
            return
        dim = next(iter(probe.targets.values())).shape[1]
        error = (probe.pairs * dim) ** -0.5
        if probe.cosine < floor - 2 * error:
            raise RunFailed(
                f"the cosine of the {probe.pairs} probe pairs ended at {probe.cosine:.3f}, under the floor "
                f"of {floor:g}: the parties' vectors do not mean the same, and nothing is published",
                hint="train longer, raise alignment.beta or syncs_per_epoch, or share more items",
            )
