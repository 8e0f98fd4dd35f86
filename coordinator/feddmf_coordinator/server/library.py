"""What parties come to fetch: their views of the catalogue, and what peers have published."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime

from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import encode_view
from feddmf.errors import CatalogueError, RunFailed
from feddmf.payload import Payload
from feddmf_coordinator.server.calls import legible
from feddmf_coordinator.store.catalogues import accept, find_catalogue, latest_version
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.offers import Offer, list_offers, replace_offer
from feddmf_coordinator.store.publications import Publication, VectorShelf, list_publications
from feddmf_coordinator.store.runs import Run, RunState

__all__ = ["Library"]

_KEPT_VIEWS = 16


class Library:
    """Reads catalogues and publications; all but `view` block, and are called on a thread."""

    def __init__(self, database: Database, vectors: VectorShelf) -> None:
        self._database = database
        self._vectors = vectors
        self._views: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._parsed: tuple[int, Catalogue] | None = None
        self._parsing = asyncio.Lock()

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
        """Return what `party` published after a finished run; RunFailed where there is nothing."""
        found = self._published(run, party)
        return found, self._vectors.get(found)

    def check_published(self, run: Run, party: str, digest: str) -> None:
        """Raise RunFailed unless the vectors that `party` published after a finished run have `digest`."""
        if self._published(run, party).sha256 != digest:
            raise RunFailed(
                f"{party} has published other vectors for run {run.run} already",
                hint="its state was not restored exactly; submit the run again",
            )

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
