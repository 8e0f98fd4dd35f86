"""A party's seat in a run: items, offer, tables, member, checked; for the node and the simulation alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import InputError
from feddmf.members.base import Member
from feddmf.members.item_release import ReleaseSource, draw_once
from feddmf.members.registry import member_for
from feddmf.plan import PartyItems, Plan
from feddmf.progress import NOBODY, Progress
from feddmf.ranks import Ranks
from feddmf.user_attributes import UserAttributes, without_items
from feddmf_party.data.forgotten import load_forgotten
from feddmf_party.data.loader import load_interactions
from feddmf_party.data.party_table import PartyTable
from feddmf_party.folder import PartyFolder
from feddmf_party.objections import check_plan
from feddmf_party.offer import offered_in
from feddmf_party.policy import Policy
from feddmf_party.private_terms import Agreed, agree_on

__all__ = ["Place", "Seat", "check_users", "find_place", "load_place", "take_seat"]


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


def _in_memory(place: Place, agreed: Agreed) -> ReleaseSource:  # noqa: ARG001  (as a node's)
    return draw_once(place.items, place.table.interactions, place.offered)


def take_seat(
    plan: Plan,
    view: CatalogueView,
    folder: PartyFolder,
    policy: Policy,
    ranks: Ranks | None = None,
    *,
    releasing: Callable[[Place, Agreed], ReleaseSource] = _in_memory,
    progress: Progress = NOBODY,
) -> Seat:
    """Find the party's place, and make its member. ranks: the processes that train together.

    releasing: gives the source of a private run's release; without it one that charges nobody, of which the
    gate lets nothing leave. progress: hears how much of the table has been read.
    """
    place = find_place(plan, view, folder, policy, progress)
    data, source = place.table.interactions, None
    if plan.settings.privacy.is_private:
        source = releasing(place, agree_on(place.items, data, policy.privacy))
    member = member_for(place.items, data, place.offered, place.attributes, ranks, release=source)
    notices = tuple(_too_few(place)) if plan.settings.has_history else ()
    return Seat(place.items, place.offered, place.table, member, notices)


def find_place(
    plan: Plan, view: CatalogueView, folder: PartyFolder, policy: Policy, progress: Progress = NOBODY
) -> Place:
    """Check offer and plan, then load the tables; what is wrong is raised, cheapest check first."""
    items = PartyItems(plan, view)
    offered = offered_in(items, folder.offer_file)
    check_plan(plan, items, policy, offered=offered)
    place = load_place(items, offered, folder, policy, progress)
    check_users(place, policy)
    return place


def load_place(
    items: PartyItems,
    offered: tuple[str, ...],
    folder: PartyFolder,
    policy: Policy,
    progress: Progress = NOBODY,
) -> Place:
    """Load the tables, whoever is in them; raises InputError for those that cannot be used."""
    settings = folder.settings()
    local_ids = [item.local_id for item in items.view.items]
    table = load_interactions(
        settings.data,
        local_ids,
        attributes=settings.attributes,
        keep_in=folder.tables,
        forgotten=load_forgotten(folder.forgotten),
        progress=progress,
    )
    if not items.plan.settings.privacy.is_private:
        # By exact counts one user would change the rows of others, which costs more than is charged.
        table = _without_rare_items(table, policy.min_item_users)
    return Place(items, offered, table, _askable(table, items))


def check_users(place: Place, policy: Policy) -> None:
    """Raise InputError for a party of so few users that what leaves would be of them, and not of a party."""
    table = place.table.interactions
    if place.items.plan.settings.privacy.is_private:
        # Whether a party declines is seen by all, so it may not follow from what is in a row.
        users, which = table.users, "users"
    else:
        users = int(np.count_nonzero(table.user_counts()))
        which = "users with an item of the catalogue"
    if users < policy.min_users:
        raise InputError(
            f"{place.items.view.party} has {users} {which}; its policy wants {policy.min_users}",
            hint="take part with more users, or lower min_users in policy.toml",
        )


def _without_rare_items(table: PartyTable, least: int) -> PartyTable:
    """Return `table` without pairs of items that fewer users have; user attributes have their own bound."""
    rare = table.interactions.item_counts() < least
    if table.attributes is not None:
        rare[table.attributes.codes] = False
    return replace(table, interactions=without_items(table.interactions, np.flatnonzero(rare)))


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
