"""A party's seat in a run: items, offer, tables, member, checked; for the node and the simulation alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import InputError
from feddmf.members.base import Member
from feddmf.members.registry import member_for
from feddmf.plan import PartyItems, Plan
from feddmf_party.data.loader import PartyTable, load_interactions
from feddmf_party.folder import PartyFolder
from feddmf_party.offer import check_offer, read_offer
from feddmf_party.policy import Policy, check_plan

__all__ = ["Seat", "take_seat"]


@dataclass(frozen=True, eq=False)
class Seat:
    """What a party brings to a run; `offered` are the keys that it will publish, sorted."""

    items: PartyItems
    offered: tuple[str, ...]
    table: PartyTable
    member: Member


def take_seat(plan: Plan, view: CatalogueView, folder: PartyFolder, policy: Policy) -> Seat:
    """Check offer and plan, then load the tables; what is wrong is raised, cheapest check first."""
    items = PartyItems(plan, view)
    offer = read_offer(folder.offer_file).items
    check_offer(offer, view, where=str(folder.offer_file))
    offered = tuple(sorted(set(offer) & set(items.askable)))
    check_plan(plan, items, policy, offered=len(offered))
    settings = folder.settings()
    local_ids = [item.local_id for item in view.items]
    table = load_interactions(settings.data, local_ids, attributes=settings.attributes)
    _check_users(table, view.party, policy)
    return Seat(items, offered, table, member_for(items, table.interactions, offered))


def _check_users(table: PartyTable, party: str, policy: Policy) -> None:
    """Raise InputError for a party of so few users that what leaves would be of them, and not of a party."""
    users = int(np.count_nonzero(table.interactions.user_counts()))
    if users < policy.min_users:
        raise InputError(
            f"{party} has {users} users with an item of the catalogue; its policy wants {policy.min_users}",
            hint="take part with more users, or lower min_users in policy.toml",
        )
