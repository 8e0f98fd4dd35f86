"""What private runs have cost this party's users so far, by the charges in its ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feddmf.ledger import RESTORED_EVENT
from feddmf.privacy.accountant import epsilon_of
from feddmf.privacy.terms import Terms
from feddmf_party.objections import Objection, decline
from feddmf_party.privacy_policy import PrivacyPolicy

_NEVER = "decline it: no line of policy.toml can allow it; a run of smaller epsilon may do"

__all__ = [
    "CHARGE_EVENT",
    "RELEASE_EVENT",
    "Charge",
    "Spent",
    "against_budget",
    "charges_in",
    "check_budget",
    "is_restored_since",
    "release_of",
    "spent_by",
]

CHARGE_EVENT = "charge"
RELEASE_EVENT = "private_release"
"""Events of a ledger: what a private run costs, and that its release is drawn and durable."""


@dataclass(frozen=True)
class Charge:
    """One charge: the number and time of its record, its run and terms, and whom it names.

    items: digest of the fixed item list; override_by: who let too few users in, "" where there were enough.
    """

    number: int
    at: str
    run: str
    terms: Terms
    items: str
    override_by: str = ""


@dataclass(frozen=True)
class Spent:
    """The epsilon at `delta` of all charges together."""

    epsilon: float
    delta: float


def charges_in(records: Iterable[Mapping[str, Any]]) -> tuple[Charge, ...]:
    """Return the charges among a ledger's records, in order. A charge counts whatever came of its run."""
    return tuple(
        Charge(
            number=int(record["number"]),
            at=str(record["at"]),
            run=str(record["run"]),
            terms=Terms(float(record["epsilon"]), float(record["delta"]), float(record["sigma"])),
            items=str(record["items"]),
            override_by=str(record.get("override_by", "")),
        )
        for record in records
        if record.get("event") == CHARGE_EVENT
    )


def spent_by(terms: Sequence[Terms]) -> Spent:
    """Return what releases on these terms cost together, at the least delta among them."""
    if not terms:
        return Spent(0.0, 0.0)
    delta = min(each.delta for each in terms)
    return Spent(epsilon_of([each.sigma for each in terms], delta), delta)


def check_budget(run: str, terms: Terms | None, charges: Sequence[Charge], policy: PrivacyPolicy) -> None:
    """Raise PolicyError where the charges, and `terms` beside them, are more than the policy has for life."""
    decline(run, against_budget(terms, charges, policy))


def against_budget(
    terms: Terms | None, charges: Sequence[Charge], policy: PrivacyPolicy
) -> tuple[Objection, ...]:
    """Return what the policy's budget for life holds against a run; see `check_budget`."""
    before = [each.terms for each in charges]
    spent, after = spent_by(before), spent_by([*before, *([] if terms is None else [terms])])
    if after.epsilon <= policy.lifetime_epsilon:
        return ()
    if math.isinf(after.epsilon):
        return (Objection("would bring the epsilon spent beyond what any bound holds for", to_do=_NEVER),)
    objection = Objection(
        f"would bring the epsilon spent from {spent.epsilon:.2f} to {after.epsilon:.2f}, over the "
        f"{policy.lifetime_epsilon:g} that this party has for life",
        f"[privacy] lifetime_epsilon = {round(after.epsilon + 0.005, 2):g}",
    )
    return (objection,)


def is_restored_since(records: Iterable[Mapping[str, Any]], run: str) -> bool:
    """Tell whether the ledger goes on from a backup since it joined `run`: what followed then is not known.

    A charge of the run may be among what is lost, and so may be what it released.
    """
    begun = False
    for each in records:
        if begun and each.get("event") == RESTORED_EVENT:
            return True
        begun = begun or (each.get("event") in {"join", CHARGE_EVENT} and each.get("run") == run)
    return False


def release_of(records: Iterable[Mapping[str, Any]], run: str) -> Mapping[str, Any] | None:
    """Return the record of a run's private release; None where there is none."""
    mine = (each for each in records if each.get("event") == RELEASE_EVENT and each.get("run") == run)
    return next(mine, None)
