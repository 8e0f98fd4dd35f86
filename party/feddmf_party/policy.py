"""The party's own policy, policy.toml: what may leave, and which runs it joins. It believes nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import Field

from feddmf.config import Settings
from feddmf.errors import PolicyError
from feddmf.payload import ArraySpec, Axis, ReleaseKind
from feddmf.plan import PartyItems, Plan
from feddmf.protocols.base import Phase
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf.settings_file import render_settings

__all__ = ["ITEM_KINDS", "Policy", "asked_support", "check_plan", "render_policy_toml"]

ITEM_KINDS = frozenset({ReleaseKind.ITEM_VECTORS, ReleaseKind.CONTEXT_VECTORS, ReleaseKind.ATTRIBUTE_VECTOR})
"""Kinds whose rows are each one item's vector, which `max_row_norm` bounds."""

# What is told of an item that a single user has is told of that user.
_LEAST_SUPPORT = 2


class Policy(Settings):
    """A whole policy.toml."""

    protocols: tuple[str, ...] = Field(
        default=("feddmf",), description="Protocols that this party takes part in."
    )
    release_kinds: tuple[ReleaseKind, ...] = Field(
        default=(
            ReleaseKind.ITEM_VECTORS,
            ReleaseKind.CONTEXT_VECTORS,
            ReleaseKind.ATTRIBUTE_VECTOR,
            ReleaseKind.LOSS_SCALAR,
            ReleaseKind.QUALITY_SCALAR,
        ),
        description="Kinds of arrays that may leave. Item counts are sales figures.",
    )
    max_rounds: int = Field(default=1_000, ge=1, description="Most exchanges in one run.")
    max_run_bytes: int = Field(
        default=2_000_000_000, ge=1, description="Most bytes that may leave in one run."
    )
    max_row_norm: float = Field(
        default=1e4,
        gt=0,
        description="Longest vector of an item that may leave (item_vectors, context_vectors, "
        "attribute_vector). It does not bound sums (layers, gradients, Grams, statistics, masked sums), "
        "which grow with a party.",
    )
    min_support: int = Field(
        default=3,
        ge=_LEAST_SUPPORT,
        description="Least users behind what fcf, transfer and the linear part of feddmf send of an item: "
        "a run may ask for more.",
    )
    min_users: int = Field(
        default=5, ge=2, description="Least users of this company in a run, whatever its protocol."
    )


@dataclass(frozen=True)
class _Objection:
    """Why a policy is against a run, and the line of policy.toml that would allow it, where one can."""

    reason: str
    line: str = ""


def check_plan(plan: Plan, items: PartyItems, policy: Policy, *, offered: int) -> None:
    """Raise PolicyError naming everything in `plan` that `policy` does not allow, and what would allow it."""
    objections = tuple(_objections(plan, items, policy, offered))
    if not objections:
        return
    lines = [objection.line for objection in objections if objection.line]
    allow = "in policy.toml: " + "; ".join(lines)
    hint = f"decline it, or allow it {allow}"
    if len(lines) < len(objections):
        hint = "decline it: the run file must change" + (f"; allow the rest {allow}" if lines else "")
    raise PolicyError(f"run {plan.run} " + ", ".join(objection.reason for objection in objections), hint=hint)


def asked_support(settings: RunSettings) -> int | None:
    """Return how many users of a party an item must have in a run; None where its protocol does not ask."""
    if settings.protocol == "fcf":
        return settings.fcf.min_support
    # With histories it bounds the linear vectors and the user attributes.
    return settings.transfer.min_support if settings.protocol == "transfer" or settings.has_history else None


def _objections(plan: Plan, items: PartyItems, policy: Policy, offered: int) -> Iterator[_Objection]:
    settings = plan.settings
    if settings.protocol not in policy.protocols:
        protocols = (*policy.protocols, settings.protocol)
        yield _Objection(f"uses protocol {settings.protocol}", f"protocols = {json.dumps(protocols)}")
    protocol = protocol_for(settings.protocol)
    phases, publication = protocol.phases(plan), protocol.publication(plan)
    needed = tuple((kind, spec.name) for spec in _released(plan, phases) for kind in spec.kinds)
    kept_in = tuple((kind, name) for kind, name in needed if kind not in policy.release_kinds)
    if kept_in:
        what = " and ".join(dict.fromkeys(f"{kind.value} ({name})" for kind, name in kept_in))
        kinds = dict.fromkeys((*policy.release_kinds, *(kind for kind, _ in kept_in)))
        yield _Objection(f"asks for {what}", f"release_kinds = {json.dumps(list(kinds))}")
    yield from _against_support(settings, policy)
    rounds = sum(phase.rounds for phase in phases)
    if rounds > policy.max_rounds:
        yield _Objection(f"has {rounds} exchanges, over {policy.max_rounds}", f"max_rounds = {rounds}")
    sizes = items.sizes(offered)
    total = sum(phase.rounds * phase.contribution.nbytes(sizes) for phase in phases)
    total += publication.nbytes({**sizes, Axis.OFFERED_ITEMS: offered})
    if total > policy.max_run_bytes:
        yield _Objection(f"sends {total} bytes, over {policy.max_run_bytes}", f"max_run_bytes = {total}")


def _against_support(settings: RunSettings, policy: Policy) -> Iterator[_Objection]:
    support, least = asked_support(settings), policy.min_support
    if support is None or support >= least:
        return
    if support >= _LEAST_SUPPORT:
        reason = f"lets {support} users stand behind an item, under {least}"
        yield _Objection(reason, f"min_support = {support}")
        return
    # The operator reads the reason alone.
    key = f"{'fcf' if settings.protocol == 'fcf' else 'transfer'}.min_support"
    yield _Objection(
        f"lets a single user stand behind an item, which no policy allows (the run file must say {key} = "
        f"{least} or more)"
    )


def _released(plan: Plan, phases: Iterable[Phase]) -> Iterator[ArraySpec]:
    """Yield every array that a party would release in the run."""
    for phase in phases:
        yield from phase.contribution.arrays
    yield from protocol_for(plan.settings.protocol).publication(plan).arrays


def render_policy_toml() -> str:
    """Return the commented policy.toml that `feddmf party init` leaves."""
    return render_settings(Policy, {}, intro="What may leave this company, whatever a run asks for.")
