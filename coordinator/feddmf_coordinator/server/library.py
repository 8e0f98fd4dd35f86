"""What parties come to fetch: their views of the catalogue, and what peers have published."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import encode_view
from feddmf.errors import CatalogueError, FedDMFError, RunFailed
from feddmf.payload import Axis, Payload
from feddmf.protocols.registry import protocol_for
from feddmf.waiting import set_within
from feddmf_coordinator.server.calls import legible
from feddmf_coordinator.store.catalogues import accept, find_catalogue, latest_version
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.offers import Offer, list_offers, replace_offer
from feddmf_coordinator.store.publications import (
    Publication,
    VectorShelf,
    list_publications,
    replace_publication,
)
from feddmf_coordinator.store.runs import Run, RunState
from feddmf_coordinator.store.withdrawals import (
    Withdrawal,
    add_withdrawal,
    list_withdrawals,
    withdrawals_for,
)

__all__ = ["Library"]

log = logging.getLogger(__name__)

_KEPT_VIEWS = 16
_TIDY_S = 600.0


class Library:
    """Reads catalogues and publications, and takes publications back.

    All but `view` and `keep_tidy` block, and are called on a thread.
    """

    def __init__(self, database: Database, vectors: VectorShelf) -> None:
        self._database = database
        self._vectors = vectors
        self._views: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._parsed: tuple[int, Catalogue] | None = None
        self._parsing = asyncio.Lock()
        self._cutting = threading.Lock()

    def latest_version(self) -> int:
        """Return the number of the latest catalogue; 0 when there is none."""
        with self._database.read() as connection:
            return latest_version(connection)

    async def view(self, version: int, party: str) -> bytes:
        """Return a party's view of a catalogue (the latest for 0), behind the proof that it is part of it.

        Published versions never change, so a view is made once: to parse a large catalogue takes seconds.
        """
        wanted = version or await asyncio.to_thread(self.latest_version)
        async with self._parsing:
            if (wanted, party) not in self._views:
                self._views[wanted, party] = await asyncio.to_thread(self._make_view, wanted, party)
            self._views.move_to_end((wanted, party))
            while len(self._views) > _KEPT_VIEWS:
                self._views.popitem(last=False)
            return self._views[wanted, party]

    def accept(self, version: int, party: str, digest: str) -> None:
        """Note that `party` accepts a digest."""
        with self._database.begin() as connection:
            accept(connection, version, party, digest, now=datetime.now(UTC))

    def announce(self, party: str, version: int, keys: tuple[str, ...]) -> None:
        """Keep what `party` offers; CatalogueError where an item is not its own, or everybody sells it."""
        catalogue = self._catalogue(version)
        askable = catalogue.askable(party)
        useless = next((key for key in keys if key not in askable), None)
        if useless is not None:
            sells = useless in catalogue.columns.get(party, {})
            raise CatalogueError(
                f"{party} offers {legible(useless, 80)!r}, which "
                + ("every party sells: nobody can ask for it" if sells else "is not an item of its own"),
                hint="mend the offer: feddmf attributes offer",
            )
        with self._database.begin() as connection:
            replace_offer(connection, party, version=version, keys=keys, now=datetime.now(UTC))

    def offers(self) -> tuple[Offer, ...]:
        """Return what every party is ready to publish."""
        with self._database.read() as connection:
            return list_offers(connection)

    def publication(self, run: Run, party: str) -> tuple[Publication, Payload]:
        """Return what `party` published after a finished run; RunFailed where there is nothing.

        What was withdrawn is not among it, and of what has ended nothing is left but when.
        """
        with self._cutting:
            found = self._published(run, party)
            if not found.has_ended(datetime.now(UTC)):
                return found, self._vectors.get(found)
            self._vectors.discard(found)
        specs = protocol_for(run.plan.settings.protocol).publication(run.plan).arrays
        nothing = {spec.name: np.empty((0, spec.columns), spec.dtype.numpy) for spec in specs}
        return replace(found, items=()), Payload(nothing)

    def take_back(self, run: Run, party: str, keys: Collection[str], reason: str) -> int:
        """Withdraw what `party` published of `keys` (of all, for none); return how many that were.

        What was withdrawn before is left as it is. RunFailed where the party has published nothing,
        CatalogueError naming a key that was not among it.
        """
        with self._cutting:
            found = self._published(run, party)
            with self._database.read() as connection:
                before = [each for each in list_withdrawals(connection, run.run) if each.party == party]
            mine = {key for key, _ in found.items}
            known = mine.union(*(each.keys for each in before))
            unknown = next((key for key in keys if key not in known), None)
            if unknown is not None and not any(not each.keys for each in before):
                raise CatalogueError(
                    f"{party} has published no {legible(repr(unknown), 80)} after run {run.run}",
                    hint="its ledger and its offer of that time say what it has",
                )
            gone = mine.intersection(keys) if keys else mine
            if gone or not (keys or before):
                self._cut(run, found, gone, everything=not keys, reason=reason)
            return len(gone)

    def withdrawals(self, party: str, among: Collection[str]) -> tuple[Withdrawal, ...]:
        """Return what the other members of the runs of `party` took back; among: runs, none for all."""
        with self._database.read() as connection:
            return tuple(withdrawals_for(connection, party, among))

    async def keep_tidy(self, stop: asyncio.Event, *, every_s: float = _TIDY_S) -> None:
        """Remove vectors that were withdrawn or have ended, now and then, until `stop` is set."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.tidy)
            except FedDMFError as error:
                log.warning("cannot remove vectors that nobody may fetch any more: %s", error.message)
            await set_within(stop, every_s)

    def tidy(self) -> None:
        """Remove vectors that have ended, and those that a withdrawal cut short left behind."""
        with self._cutting:
            with self._database.read() as connection:
                everything, cut = list_publications(connection), list_withdrawals(connection)
            places = {(each.run, each.party) for each in cut}
            for each in everything:
                if each.has_ended(datetime.now(UTC)):
                    self._vectors.discard(each)
                elif (each.run, each.party) in places:
                    self._vectors.keep_only(each)

    def check_published(self, run: Run, party: str, digest: str) -> None:
        """Raise RunFailed unless the vectors that `party` published after a finished run have `digest`."""
        with self._database.read() as connection:
            before = [each for each in list_withdrawals(connection, run.run) if each.party == party]
        left = self._published(run, party).sha256
        if digest != (before[0].before_sha256 if before else left):
            raise RunFailed(
                f"{party} has published other vectors for run {run.run} already",
                hint="its state was not restored exactly; submit the run again",
            )

    def _cut(
        self, run: Run, found: Publication, gone: Collection[str], *, everything: bool, reason: str
    ) -> None:
        """Take the rows of `gone` out of a publication: file first, then database, then the old file."""
        now = datetime.now(UTC)
        left = replace(found, items=tuple(item for item in found.items if item[0] not in gone))
        if not found.has_ended(now):
            rows = [row for row, (key, _) in enumerate(found.items) if key not in gone]
            specs = protocol_for(run.plan.settings.protocol).publication(run.plan).arrays
            whole = self._vectors.get(found)
            cut = {
                spec.name: whole[spec.name][rows] if spec.axis is Axis.OFFERED_ITEMS else whole[spec.name]
                for spec in specs
            }
            left = replace(left, sha256=self._vectors.put_left(run.run, found.party, Payload(cut)))
        with self._database.begin() as connection:
            add_withdrawal(
                connection,
                run.run,
                found.party,
                () if everything else tuple(sorted(gone)),
                reason=reason,
                before_sha256=found.sha256,
                now=now,
            )
            replace_publication(connection, left)
        self._vectors.keep_only(left)

    def _published(self, run: Run, party: str) -> Publication:
        with self._database.read() as connection:
            found = {each.party: each for each in list_publications(connection, run.run)}
        if party not in found or run.state is not RunState.FINISHED:
            raise RunFailed(f"{legible(party, 40)} has published nothing after run {run.run}")
        return found[party]

    def _catalogue(self, version: int) -> Catalogue:
        """Return a published version, parsed; the last one asked for is kept."""
        kept = self._parsed
        if kept is None or kept[0] != version:
            with self._database.read() as connection:
                kept = (version, find_catalogue(connection, version))
            self._parsed = kept
        return kept[1]

    def _make_view(self, version: int, party: str) -> bytes:
        catalogue = self._catalogue(version)
        return catalogue.proof(party).model_dump_json().encode() + b"\n" + encode_view(catalogue.view(party))
