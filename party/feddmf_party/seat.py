"""A party's seat in a run: items, offer, tables, member, checked; for the node and the simulation alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import InputError
from feddmf.members.base import Member
from feddmf.members.registry import member_for
from feddmf.plan import PartyItems, Plan
from feddmf.ranks import Ranks
from feddmf.user_attributes import UserAttributes
from feddmf_party.data.loader import load_interactions
from feddmf_party.data.party_table import PartyTable
from feddmf_party.folder import PartyFolder
from feddmf_party.offer import check_offer, read_offer
from feddmf_party.policy import Policy, check_plan

__all__ = ["Place", "Seat", "find_place", "take_seat"]


@dataclass(frozen=True, eq=False)
class Seat:
    """What a party brings to a run; `offered` are the keys that it will publish, sorted.

    notices: what the party's own people should know of its offer.
    """

    items: PartyItems
    offered: tuple[str, ...]
    table: PartyTable
    member: Member
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Place:
    """What is checked and loaded before a member is made; attributes: those that a peer may ask for."""

    items: PartyItems
    offered: tuple[str, ...]
    table: PartyTable
    attributes: UserAttributes | None


def take_seat(
    plan: Plan, view: CatalogueView, folder: PartyFolder, policy: Policy, ranks: Ranks | None = None
) -> Seat:
    """Find the party's place, and make its member. ranks: the processes that train together."""
    place = find_place(plan, view, folder, policy)
    member = member_for(place.items, place.table.interactions, place.offered, place.attributes, ranks)
    notices = tuple(_too_few(place)) if plan.settings.has_history else ()
    return Seat(place.items, place.offered, place.table, member, notices)


def find_place(plan: Plan, view: CatalogueView, folder: PartyFolder, policy: Policy) -> Place:
    """Check offer and plan, then load the tables; what is wrong is raised, cheapest check first."""
    items = PartyItems(plan, view)
    offer = read_offer(folder.offer_file).items
    check_offer(offer, view, where=str(folder.offer_file))
    offered = tuple(sorted(set(offer) & set(items.askable)))
    check_plan(plan, items, policy, offered=len(offered))
    settings = folder.settings()
    local_ids = [item.local_id for item in view.items]
    table = load_interactions(settings.data, local_ids, attributes=settings.attributes, keep_in=folder.tables)
    _check_users(table, view.party, policy)
    return Place(items, offered, table, _askable(table, items))


def _askable(table: PartyTable, items: PartyItems) -> UserAttributes | None:
    """Return the user attributes that a peer may ask for; what all sell is an item like all others."""
    if table.attributes is None:
        return None
    # What the run asks is no less than what the policy does, or the party would have declined.
    least = items.plan.settings.transfer.min_support
    return table.attributes.among(items.codes(items.askable)).with_min_users(least)


def _too_few(place: Place) -> Iterator[str]:
    """Yield each offered user attribute of which peers will be told nothing, and why."""
    if place.attributes is None:
        return
    those = place.attributes.among(place.items.codes(place.offered))
    for at, reason in those.too_few(place.table.interactions).items():
        name = place.items.view.items[int(those.codes[at])].local_id
        yield f"nothing is told of user attribute {name}: {reason}"


def _check_users(table: PartyTable, party: str, policy: Policy) -> None:
    """Raise InputError for a party of so few users that what leaves would be of them, and not of a party."""
    users = int(np.count_nonzero(table.interactions.user_counts()))
    if users < policy.min_users:
        raise InputError(
            f"{party} has {users} users with an item of the catalogue; its policy wants {policy.min_users}",
            hint="take part with more users, or lower min_users in policy.toml",
        )
