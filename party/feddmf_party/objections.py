"""What a party's policy holds against a run, from the plan alone, before anything is loaded or sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from feddmf.errors import FedDMFError, PolicyError
from feddmf.payload import ArraySpec, ReleaseKind
from feddmf.plan import PartyItems, Plan
from feddmf.privacy_settings import PrivacySettings
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf_party.patterns import outside
from feddmf_party.policy import LEAST_SUPPORT, Policy
from feddmf_party.privacy_policy import PrivacyPolicy

__all__ = ["Asked", "Objection", "asked_of", "asked_support", "check_plan", "decline", "objections_to"]


@dataclass(frozen=True)
class Objection:
    """Why a party is against a run, and the line of policy.toml that would allow it, where one can.

    to_do: what else would, where no line can.
    """

    reason: str
    line: str = ""
    to_do: str = ""

    @classmethod
    def of(cls, error: FedDMFError, run: str) -> Objection:
        """Return what `error`, which would decline `run`, holds against it."""
        return cls(error.message.removeprefix(f"run {run} "), to_do=error.hint)


@dataclass(frozen=True)
class Asked:
    """What a run asks of a party, from its plan alone.

    items: of which something leaves; rounds: exchanges; nbytes: sent in all of them and in the publication.
    """

    kinds: tuple[ReleaseKind, ...]
    items: int
    offered: int
    rounds: int
    nbytes: int


def check_plan(plan: Plan, items: PartyItems, policy: Policy, *, offered: Sequence[str]) -> None:
    """Raise PolicyError naming everything in `plan` that `policy` does not allow, and what would allow it.

    offered: keys that the party would publish.
    """
    decline(plan.run, objections_to(plan, items, policy, offered=offered))


def decline(run: str, objections: Sequence[Objection]) -> None:
    """Raise PolicyError with all `objections` to `run`, and what would settle them; nothing where none is."""
    if not objections:
        return
    lines = [objection.line for objection in objections if objection.line]
    others = [objection.to_do for objection in objections if objection.to_do]
    allow = "in policy.toml: " + "; ".join(lines)
    hint = f"decline it, or allow it {allow}"
    if len(lines) < len(objections):
        hint = "; ".join(dict.fromkeys(others)) or "decline it: the run file must change"
        hint += f"; allow the rest {allow}" if lines else ""
    raise PolicyError(f"run {run} " + ", ".join(objection.reason for objection in objections), hint=hint)


def objections_to(
    plan: Plan, items: PartyItems, policy: Policy, *, offered: Sequence[str]
) -> tuple[Objection, ...]:
    """Return all that `policy` holds against `plan`; see `check_plan`."""
    return tuple(_objections(plan, items, policy, offered))


def asked_of(plan: Plan, items: PartyItems, *, offered: Sequence[str]) -> Asked:
    """Return what `plan` asks of the party; see `check_plan`."""
    protocol = protocol_for(plan.settings.protocol)
    sizes = items.sizes(len(offered))
    kinds = dict.fromkeys(kind for spec in _released(plan) for kind in spec.kinds)
    return Asked(
        kinds=tuple(kinds),
        items=len(_named(items, offered)),
        offered=len(offered),
        rounds=sum(phase.rounds for phase in protocol.phases(plan)),
        nbytes=sum(phase.rounds * phase.contribution.nbytes(sizes) for phase in protocol.phases(plan))
        + protocol.publication(plan).nbytes(sizes),
    )


def asked_support(settings: RunSettings) -> int | None:
    """Return how many users of a party an item must have in a run; None where its protocol does not ask."""
    if settings.protocol == "fcf":
        return settings.fcf.min_support
    # With histories it bounds the linear vectors and the user attributes.
    return settings.transfer.min_support if settings.protocol == "transfer" or settings.has_history else None


def _objections(plan: Plan, items: PartyItems, policy: Policy, offered: Sequence[str]) -> Iterator[Objection]:
    settings = plan.settings
    if outside([settings.purpose], policy.purposes):
        purposes = [*policy.purposes, settings.purpose]
        yield Objection(f"is for {settings.purpose!r}", f"purposes = {_line(purposes)}")
    kept = outside(_named(items, offered), policy.items)
    if kept:
        others = f" and {len(kept) - 1} more" if len(kept) > 1 else ""
        yield Objection(f"tells of item {kept[0]!r}{others}", f"items = {_line([*policy.items, *kept[:1]])}")
    if settings.protocol not in policy.protocols:
        protocols = (*policy.protocols, settings.protocol)
        yield Objection(f"uses protocol {settings.protocol}", f"protocols = {_line(protocols)}")
    needed = tuple((kind, spec.name) for spec in _released(plan) for kind in spec.kinds)
    kept_in = tuple((kind, name) for kind, name in needed if kind not in policy.release_kinds)
    if kept_in:
        what = " and ".join(dict.fromkeys(f"{kind.value} ({name})" for kind, name in kept_in))
        kinds = dict.fromkeys((*policy.release_kinds, *(kind for kind, _ in kept_in)))
        yield Objection(f"asks for {what}", f"release_kinds = {_line(kinds)}")
    yield from _against_support(settings, policy)
    yield from _against_privacy(settings.privacy, policy.privacy)
    asked = asked_of(plan, items, offered=offered)
    if asked.rounds > policy.max_rounds:
        reason = f"has {asked.rounds} exchanges, over {policy.max_rounds}"
        yield Objection(reason, f"max_rounds = {asked.rounds}")
    if asked.nbytes > policy.max_run_bytes:
        reason = f"sends {asked.nbytes} bytes, over {policy.max_run_bytes}"
        yield Objection(reason, f"max_run_bytes = {asked.nbytes}")


def _against_support(settings: RunSettings, policy: Policy) -> Iterator[Objection]:
    support, least = asked_support(settings), policy.min_support
    if support is None or support >= least:
        return
    if support >= LEAST_SUPPORT:
        reason = f"lets {support} users stand behind an item, under {least}"
        yield Objection(reason, f"min_support = {support}")
        return
    # The operator reads the reason alone.
    key = f"{'fcf' if settings.protocol == 'fcf' else 'transfer'}.min_support"
    yield Objection(
        f"lets a single user stand behind an item, which no policy allows (the run file must say {key} = "
        f"{least} or more)"
    )


def _against_privacy(asked: PrivacySettings, policy: PrivacyPolicy) -> Iterator[Objection]:
    if policy.required and not asked.is_private:
        yield Objection("is not private for each user", "[privacy] required = false")
    if asked.epsilon is not None and asked.epsilon > policy.max_epsilon_per_run:
        reason = f"asks for epsilon {asked.epsilon:g}, over {policy.max_epsilon_per_run:g}"
        yield Objection(reason, f"[privacy] max_epsilon_per_run = {asked.epsilon:g}")


def _released(plan: Plan) -> Iterator[ArraySpec]:
    """Yield every array that a party would release in the run."""
    protocol = protocol_for(plan.settings.protocol)
    for phase in protocol.phases(plan):
        yield from phase.contribution.arrays
    yield from protocol.publication(plan).arrays


def _named(items: PartyItems, offered: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of all items of which something would leave, in order."""
    return tuple(dict.fromkeys((*items.matched, *items.revealed, *offered)))


def _line(values: Iterable[str]) -> str:
    """Return a list as TOML has it, on one line."""
    return json.dumps(list(values), ensure_ascii=False)
