"""All that would make a party decline a run, beforehand: the checks of `prepare`; none ends the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from feddmf.errors import InputError, LocalResourceError, PolicyError, RunFailed
from feddmf.free_space import require_free
from feddmf.members.private import check_private_offer
from feddmf.members.registry import member_for
from feddmf.plan import PartyItems
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.objections import Objection, objections_to
from feddmf_party.policy import Policy
from feddmf_party.private_release import planned_release
from feddmf_party.private_terms import against_terms, agreed_on
from feddmf_party.repetition import check_not_repeated, conditions_of, hidden
from feddmf_party.run_folder import RunFolder
from feddmf_party.seat import Place, check_users, load_place
from feddmf_party.space import kept_bytes

__all__ = ["objections_here"]


def objections_here(
    folder: PartyFolder, policy: Policy, items: PartyItems, *, offered: tuple[str, ...]
) -> tuple[Objection, ...]:
    """Return all that policy, tables, budget and earlier runs hold against the run of `items`.

    Nothing is charged, drawn or recorded; tables that were read are kept for the run, as the node keeps them.
    Where tables cannot be read, what follows from them is not known and left out.
    """
    plan = items.plan
    found = list(objections_to(plan, items, policy, offered=offered))
    found += _raised(plan.run, RunFolder(folder.runs / plan.run).check_new)
    try:
        place = load_place(items, offered, folder, policy)
    except (InputError, PolicyError) as error:
        return (*found, Objection.of(error, plan.run))
    found += _against(folder, policy, place)
    if not found:
        # What is against a member's first steps is known by making it, which takes longest.
        found += _raised(plan.run, lambda: _make_member(folder, policy, place))
    return tuple({(each.line or each.reason): each for each in reversed(found)}.values())[::-1]


def _against(folder: PartyFolder, policy: Policy, place: Place) -> Iterator[Objection]:
    items, data = place.items, place.table.interactions
    plan, ledger = items.plan, LedgerFile(folder.ledger)
    needed = kept_bytes(items, users=data.users, offered=len(place.offered))
    yield from _raised(plan.run, lambda: require_free(folder.path, needed, what=f"run {plan.run}"))
    yield from _raised(plan.run, lambda: check_users(place, policy))
    if plan.settings.privacy.is_private:
        yield from _raised(plan.run, lambda: check_private_offer(items, place.offered, place.attributes))
        yield from against_terms(items, data, policy.privacy)
        agreed = agreed_on(items, data, policy.privacy)
        release = planned_release(folder, policy.privacy, ledger, place, agreed)
        budget: list[Objection] = []
        yield from _raised(plan.run, lambda: budget.extend(release.objections()))
        yield from budget
    if folder.ledger_key.exists():
        # Without its key the ledger has no conditions to hold against the run's.
        kept = hidden(conditions_of(plan, data), folder.ledger_key)
        yield from _raised(plan.run, lambda: check_not_repeated(plan, kept, ledger.records()))


def _make_member(folder: PartyFolder, policy: Policy, place: Place) -> None:
    source = None
    if place.items.plan.settings.privacy.is_private:
        agreed = agreed_on(place.items, place.table.interactions, policy.privacy)
        ledger = LedgerFile(folder.ledger)
        source = planned_release(folder, policy.privacy, ledger, place, agreed)
    member_for(place.items, place.table.interactions, place.offered, place.attributes, release=source)


def _raised(run: str, check: Callable[[], None]) -> tuple[Objection, ...]:
    """Return what `check` raises, as an objection."""
    try:
        check()
    except (InputError, LocalResourceError, PolicyError, RunFailed) as error:
        return (Objection.of(error, run),)
    return ()
