"""The terms on which a party joins a private run: epsilon by its number of users, and who answers for few."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.errors import PolicyError
from feddmf.interactions import Interactions
from feddmf.members.item_release import terms_of
from feddmf.plan import PartyItems
from feddmf.privacy.accountant import least_users
from feddmf.privacy.terms import Terms
from feddmf_party.privacy_policy import PrivacyPolicy

__all__ = ["Agreed", "agree_on"]


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
    terms, run = terms_of(items, data.users), items.plan.run
    if terms.epsilon > policy.max_epsilon_per_run:
        raise PolicyError(
            f"run {run} would have epsilon {terms.epsilon:g} here, over {policy.max_epsilon_per_run:g}",
            hint=f"decline it, or allow it in policy.toml: [privacy] max_epsilon_per_run = {terms.epsilon:g}",
        )
    least = least_users(terms.epsilon)
    if data.users >= least:
        return Agreed(terms)
    if policy.override_by is None:
        raise PolicyError(
            f"run {run} is private with epsilon {terms.epsilon:g}, under whose noise fewer than {least} "
            "users teach little, and this party has fewer",
            hint="decline it, or let a person answer for it in policy.toml: [privacy] override_by = "
            '"NAME, ROLE"; the ledger keeps the name',
        )
    return Agreed(terms, policy.override_by)
