"""The terms on which a party joins a private run: epsilon by its number of users, and who answers for few."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.interactions import Interactions
from feddmf.members.item_release import terms_of
from feddmf.plan import PartyItems
from feddmf.privacy.accountant import least_users
from feddmf.privacy.terms import Terms
from feddmf_party.objections import Objection, decline
from feddmf_party.privacy_policy import PrivacyPolicy

__all__ = ["Agreed", "against_terms", "agree_on", "agreed_on"]


@dataclass(frozen=True)
class Agreed:
    """terms: of the run's release; override_by: who let too few users in, "" where there are enough."""

    terms: Terms
    override_by: str = ""


def agree_on(items: PartyItems, data: Interactions, policy: PrivacyPolicy) -> Agreed:
    """Return the terms of a private run for the users of `data`: all its rows, empty ones too.

    Raises PolicyError where the policy is against them. Its message says of the number of users which terms
    it bears, or that they are too few, and no more.
    """
    decline(items.plan.run, against_terms(items, data, policy))
    return agreed_on(items, data, policy)


def agreed_on(items: PartyItems, data: Interactions, policy: PrivacyPolicy) -> Agreed:
    """Return the same, whatever the policy has against it."""
    terms = terms_of(items, data.users)
    is_few = data.users < least_users(terms.epsilon)
    return Agreed(terms, policy.override_by or "" if is_few else "")


def against_terms(items: PartyItems, data: Interactions, policy: PrivacyPolicy) -> tuple[Objection, ...]:
    """Return all that `policy` holds against the terms of a private run; see `agree_on`."""
    epsilon, found = terms_of(items, data.users).epsilon, []
    if epsilon > policy.max_epsilon_per_run:
        found.append(
            Objection(
                f"would have epsilon {epsilon:g} here, over {policy.max_epsilon_per_run:g}",
                f"[privacy] max_epsilon_per_run = {epsilon:g}",
            )
        )
    least = least_users(epsilon)
    if data.users < least and policy.override_by is None:
        found.append(
            Objection(
                f"is private with epsilon {epsilon:g}, under whose noise fewer than {least} users teach "
                "little, and this party has fewer",
                '[privacy] override_by = "NAME, ROLE"',
            )
        )
    return tuple(found)
