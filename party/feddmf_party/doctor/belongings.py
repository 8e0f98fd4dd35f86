"""What a party brings to runs, and keeps of them: catalogue, tables, offer, ledger, saved audiences."""

from __future__ import annotations

from feddmf.catalogue.view import CatalogueView
from feddmf.checkup import Checkup
from feddmf.errors import CatalogueError, DataError, FedDMFError, InputError
from feddmf.locks import is_held
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.probing import Greeting
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import check_offer as check_offered
from feddmf_party.offer import read_offer
from feddmf_party.settings import PartySettings

__all__ = ["check_audiences", "check_catalogue", "check_data", "check_ledger", "check_offer"]

# A file up to this size is read whole, as a run would; of larger ones and of databases the first rows.
_WHOLE_BYTES = 1 << 26


def check_catalogue(checkup: Checkup, where: PartyFolder, greeting: Greeting | None) -> CatalogueView | None:
    """Return the view that this party accepted last, proven again; compare it with what is published."""
    try:
        party = IdentityFiles(where.path).load_federation().party
    except InputError:
        checkup.skip("catalogue", until="this party has not enrolled")
        return None
    views = AcceptedViews(where.catalogue, party)
    published = None if greeting is None else greeting.catalogue_version
    if published == 0:
        checkup.note("catalogue", "the operator has published none yet", hint="ask for one")
        return None
    fetched = checkup.look("catalogue", views.get)
    if fetched is None:
        return None
    said = f"version {fetched.view.version}, {len(fetched.view.items)} items, digest {fetched.digest[:16]}"
    if published is not None and fetched.view.version < published:
        error = CatalogueError(
            f"{party} has accepted {said}, and the operator has published version {published}",
            hint="look at it and accept it: feddmf catalog accept",
        )
        checkup.problem("catalogue", error)
    elif not any(item.peers for item in fetched.view.items):
        checkup.note(
            "catalogue",
            f"{said}: nobody else sells any of them",
            hint="ask the operator whether the same items have the same keys: runs need matched items",
        )
    else:
        checkup.ok("catalogue", f"accepted {said}")
    return fetched.view


def check_data(
    checkup: Checkup, where: PartyFolder, settings: PartySettings, view: CatalogueView | None, *, least: int
) -> None:
    """Read the tables as a run would, or their first rows where they are large.

    least: users that the policy wants in a run.
    """
    # Only who reads tables needs pyarrow.
    from feddmf_party.data.first_rows import look_at_attributes, look_at_interactions

    ids = None if view is None else [item.local_id for item in view.items]
    path = settings.data.path
    try:
        if ids is not None and path is not None and path.is_file() and path.stat().st_size <= _WHOLE_BYTES:
            _check_whole(checkup, where, settings, ids, least)
            return
        rows, known = look_at_interactions(settings.data, ids)
        if ids is not None and not known:
            raise _unknown(f"{settings.data.source}: none of its first {rows} rows")
    except FedDMFError as error:
        checkup.problem("data", error)
    else:
        of = "" if ids is None else f", {known} of them of items in the catalogue"
        checkup.ok("data", f"the first {rows} rows of {settings.data.source} can be read{of}")
    table = settings.attributes
    if table is not None:
        checkup.look(
            "attributes",
            lambda: look_at_attributes(table, ids),
            lambda found: f"{table.source} has {found[0]} users",
        )


def _check_whole(
    checkup: Checkup, where: PartyFolder, settings: PartySettings, ids: list[str], least: int
) -> None:
    from feddmf_party.data.forgotten import load_forgotten
    from feddmf_party.data.loader import load_interactions

    forgotten = load_forgotten(where.forgotten)
    table = load_interactions(
        settings.data, ids, attributes=settings.attributes, forgotten=forgotten, progress=checkup.progress
    )
    if not table.rows_kept:
        raise _unknown(f"{settings.data.source}: none of its {table.rows_read} rows")
    users, pairs, source = table.interactions.users, table.interactions.pairs, settings.data.source
    text = f"{users} users, {pairs} pairs, {table.rows_read} rows in {source}"
    if users < least:
        raise DataError(
            f"{text}: the policy wants {least} users",
            hint="take part with more users, or lower min_users in policy.toml",
        )
    unknown = table.rows_unknown
    if unknown:
        checkup.note(
            "data",
            f"{text}; {unknown} rows are left out, of items that the catalogue lacks",
            hint="send the operator the missing items for the next catalogue, if there should be any",
        )
    else:
        checkup.ok("data", text)


def _unknown(what: str) -> DataError:
    return DataError(
        f"{what} has an item that the accepted catalogue names as this party's",
        hint="the catalogue's local ids must be those of the table's item column: ask the operator",
    )


def check_offer(checkup: Checkup, where: PartyFolder, view: CatalogueView | None) -> None:
    """Look at what peers are offered."""
    offer = checkup.look("offer", lambda: read_offer(where.offer_file))
    if offer is None:
        return
    if not offer.items:
        checkup.note(
            "offer",
            "nothing is offered, so that peers learn nothing of this party's own items",
            hint="offer some: feddmf attributes offer",
        )
    elif view is None:
        checkup.ok("offer", f"{len(offer.items)} items; they were not held against a catalogue")
    else:
        said = f"{len(offer.items)} items"
        where_from = str(where.offer_file)
        checkup.look("offer", lambda: _offered(offer.items, view, where_from), lambda _: said)


def _offered(items: tuple[str, ...], view: CatalogueView, where: str) -> bool:
    check_offered(items, view, where=where)
    return True


def check_ledger(checkup: Checkup, where: PartyFolder) -> None:
    """Read the egress ledger, and tell whether a node works in the folder."""
    try:
        records = len(LedgerFile(where.ledger))
    except InputError as error:
        checkup.problem("ledger", error)
    else:
        checkup.ok("ledger", f"{records} records, each behind the one before")
    if is_held(where.lock):
        checkup.ok("node", "a node works in this folder")
    else:
        checkup.note(
            "node", "no node works in this folder now", hint="start one to take part: feddmf party start"
        )


def check_audiences(checkup: Checkup, where: PartyFolder) -> None:
    """Read the saved audiences, where there are any."""
    if where.audiences.is_dir():
        # Only who looks at answers needs what they are made with.
        from feddmf_party.audiences.saved import AudienceStore

        store = AudienceStore(where.audiences)
        checkup.look("audiences", store.all, lambda found: f"{len(found)} saved")
