"""The party's own policy, policy.toml: what may leave, and which runs it joins. It believes nobody else."""

from __future__ import annotations

from pydantic import Field

from feddmf.config import Settings
from feddmf.errors import PolicyError
from feddmf.payload import Axis, ReleaseKind
from feddmf.plan import PartyItems, Plan
from feddmf.protocols.registry import protocol_for
from feddmf.settings_file import render_settings

__all__ = ["Policy", "check_plan", "render_policy_toml"]

_HINT = "decline it, or allow it in policy.toml"


class Policy(Settings):
    """A whole policy.toml."""

    protocols: tuple[str, ...] = Field(
        default=("feddmf",), description="Protocols that this party takes part in."
    )
    release_kinds: tuple[ReleaseKind, ...] = Field(
        default=(ReleaseKind.ITEM_VECTORS, ReleaseKind.ATTRIBUTE_VECTOR, ReleaseKind.LOSS_SCALAR),
        description="Kinds of arrays that may leave. Item counts are sales figures.",
    )
    max_rounds: int = Field(default=1_000, ge=1, description="Most exchanges in one run.")
    max_run_bytes: int = Field(
        default=2_000_000_000, ge=1, description="Most bytes that may leave in one run."
    )
    max_row_norm: float = Field(default=1e4, gt=0, description="Longest vector that may leave.")


def check_plan(plan: Plan, items: PartyItems, policy: Policy, *, offered: int) -> None:
    """Raise PolicyError naming the first thing in `plan` that `policy` does not allow."""
    if plan.settings.protocol not in policy.protocols:
        raise PolicyError(f"run {plan.run} uses protocol {plan.settings.protocol}", hint=_HINT)
    protocol = protocol_for(plan.settings.protocol)
    sizes = items.sizes(offered)
    phases = protocol.phases(plan)
    publication = protocol.publication(plan)
    for schema in (*(phase.contribution for phase in phases), publication):
        for spec in schema.arrays:
            if spec.kind not in policy.release_kinds:
                raise PolicyError(f"run {plan.run} asks for {spec.kind.value} ({spec.name})", hint=_HINT)
    rounds = sum(phase.rounds for phase in phases)
    if rounds > policy.max_rounds:
        raise PolicyError(f"run {plan.run} has {rounds} exchanges, over {policy.max_rounds}", hint=_HINT)
    total = sum(phase.rounds * phase.contribution.nbytes(sizes) for phase in phases)
    total += publication.nbytes({**sizes, Axis.OFFERED_ITEMS: offered})
    if total > policy.max_run_bytes:
        raise PolicyError(f"run {plan.run} sends {total} bytes, over {policy.max_run_bytes}", hint=_HINT)


def render_policy_toml() -> str:
    """Return the commented policy.toml that `feddmf party init` leaves."""
    return render_settings(Policy, {}, intro="What may leave this company, whatever a run asks for.")
