"""How much of the disk a run may take at the coordinator, from its plan: looked at before it begins."""

from __future__ import annotations

from pathlib import Path

from feddmf.free_space import require_free
from feddmf.payload import Axis, Payload
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.registry import protocol_for
from feddmf_coordinator.store.kept_rounds import MOST_BYTES

__all__ = ["kept_bytes", "require_space"]


def require_space(folder: Path, plan: Plan, rows: MatchedRows, offerable: int) -> None:
    """Raise LocalResourceError, with figures, where the disk of `folder` may be too small for a run."""
    require_free(folder, kept_bytes(plan, rows, offerable), what=f"run {plan.run}")


def kept_bytes(plan: Plan, rows: MatchedRows, offerable: int) -> int:
    """Return the most that a coordinator's folder may hold of a run at once, in bytes.

    The rounds behind the last state, the round that makes the next state due and the one with it, two states,
    of which the older goes once the other is whole, and all that parties may publish: `offerable` items.
    """
    protocol = protocol_for(plan.settings.protocol)
    phases = protocol.phases(plan)
    sizes = [rows.sizes(party) for party in plan.roster]
    rounds = [sum(phase.contribution.held_bytes(each) for each in sizes) for phase in phases]
    told = [sum(phase.reply.held_bytes(each) for each in sizes) for phase in phases]
    behind = min(MOST_BYTES, sum(phase.rounds * each for phase, each in zip(phases, rounds, strict=True)))
    # A state begins as it is here, and remembers at most what was sent and told last.
    begun = Payload(protocol.snapshot(protocol.init(plan, rows))).nbytes
    state = max(begun, *map(sum, zip(rounds, told, strict=True)))
    published = protocol.publication(plan).nbytes({Axis.OFFERED_ITEMS: offerable})
    return behind + 2 * max(rounds) + 2 * state + published
