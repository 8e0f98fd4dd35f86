"""How much of the disk a run may take at the coordinator, from its plan: looked at before it begins."""

from __future__ import annotations

from pathlib import Path

from feddmf.free_space import require_free
from feddmf.payload import Axis
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.registry import protocol_for

__all__ = ["kept_bytes", "require_space"]

# A round is kept while the one before it and the state before that still lie there.
_ROUNDS = 4


def require_space(folder: Path, plan: Plan, rows: MatchedRows, offerable: int) -> None:
    """Raise LocalResourceError, with figures, where the disk of `folder` may be too small for a run."""
    require_free(folder, kept_bytes(plan, rows, offerable), what=f"run {plan.run}")


def kept_bytes(plan: Plan, rows: MatchedRows, offerable: int) -> int:
    """Return the most that a coordinator's folder may hold of a run at once, in bytes.

    The last rounds of the largest phase, whole, and all that its parties may publish: `offerable` items.
    """
    protocol = protocol_for(plan.settings.protocol)
    largest = max(
        sum(phase.contribution.nbytes(rows.sizes(party)) for party in plan.roster)
        for phase in protocol.phases(plan)
    )
    return _ROUNDS * largest + protocol.publication(plan).nbytes({Axis.OFFERED_ITEMS: offerable})
