"""Tells the coordinator what offer.toml says whenever that has changed; the node alone does so."""

from __future__ import annotations

import logging

from feddmf.errors import ConnectError, FedDMFError
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import clear_offer
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import read_offer

__all__ = ["Announcer"]

log = logging.getLogger(__name__)


class Announcer:
    """Remembers what was announced, or could not be, so that each change is told and logged once."""

    def __init__(self, folder: PartyFolder) -> None:
        self._folder = folder
        self._told: tuple[int, tuple[str, ...]] | None = None

    async def tell(self, client: FederationClient) -> None:
        """Announce the offer if it or the accepted catalogue has changed. Raises ConnectError alone."""
        views = AcceptedViews(self._folder.catalogue, client.party)
        versions = views.versions()
        if not versions or not self._folder.offer_file.exists():
            return
        try:
            keys = read_offer(self._folder.offer_file).items
            if self._told == (versions[-1], keys):
                return
            self._told = (versions[-1], keys)
            view = views.get().view
            ledger = LedgerFile(self._folder.ledger)
            await client.announce_offer(clear_offer(ledger, view, keys, where=str(self._folder.offer_file)))
        except ConnectError:
            self._told = None
            raise
        except FedDMFError as error:
            log.warning("the offer was not announced: %s; %s", error.message, error.hint)
