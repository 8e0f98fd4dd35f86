"""What parties say they are ready to publish, before any run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feddmf.errors import CatalogueError, InputError
from feddmf_coordinator.store.offers import list_offers
from feddmf_party.announcing import Announcer
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import ClearedOffer, clear_offer
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import write_offer
from support.federation import LiveFederation, live


def connected(federation: LiveFederation, party: str) -> FederationClient:
    """Return a party's channel, to be opened."""
    folder = PartyFolder(federation.folder(party))
    return FederationClient(folder.path, folder.settings().node)


def offered(federation: LiveFederation) -> dict[str, list[str]]:
    """Return the keys that the coordinator holds as offered, by party."""
    with federation.database.read() as connection:
        return {each.party: [key for key, _ in each.items] for each in list_offers(connection)}


def test_peers_see_what_is_offered_with_labels_and_only_the_peers_do(tmp_path: Path) -> None:
    """An announced offer reaches the others, not its owner, and the owner's ledger has it."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            folder = PartyFolder(federation.folder("acme"))
            write_offer(folder.offer_file, ["acme-001", "acme-000"])
            async with connected(federation, "acme") as acme, connected(federation, "bolt") as bolt:
                await Announcer(folder).tell(acme)
                label = federation.small.catalogue.labels["acme-000"]
                assert ("acme", "acme-000", label) in await bolt.offers()
                assert [key for _, key, _ in await bolt.offers()] == ["acme-000", "acme-001"]
                assert await acme.offers() == ()
            (_, record) = LedgerFile(folder.ledger).records()
            assert (record["event"], record["count"], record["catalogue_version"]) == ("offer", 2, 1)

    asyncio.run(main())


def test_an_offer_is_announced_once_and_again_when_it_changes(tmp_path: Path) -> None:
    """The file is the truth: a change replaces what was offered, no change says nothing."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            folder = PartyFolder(federation.folder("acme"))
            announcer = Announcer(folder)
            async with connected(federation, "acme") as client:
                for keys in (["acme-000"], ["acme-000"], ["acme-002"]):
                    write_offer(folder.offer_file, keys)
                    await announcer.tell(client)
            assert offered(federation)["acme"] == ["acme-002"]
            events = [record["event"] for record in LedgerFile(folder.ledger).records()]
            assert events == ["key", "offer", "offer"]

    asyncio.run(main())


@pytest.mark.parametrize("key", ["bolt-000", "item-000", "no such key"])
def test_nobody_offers_what_is_not_its_own(tmp_path: Path, key: str) -> None:
    """The party's gate refuses, and where a party skips its gate the coordinator does."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            folder = PartyFolder(federation.folder("acme"))
            view = AcceptedViews(folder.catalogue, "acme").get().view
            ledger = LedgerFile(folder.ledger)
            with pytest.raises(CatalogueError, match=key):
                clear_offer(ledger, view, [key], where="offer.toml")
            assert len(ledger) == 0
            # Nothing left, and a call has to tell an end of the ledger.
            ledger.append({"event": "note"})
            async with connected(federation, "acme") as client:
                with pytest.raises(InputError, match="not an item of its own"):
                    await client.announce_offer(ClearedOffer(1, (key,), 0))
                with pytest.raises(InputError, match="catalogue version 7"):
                    await client.announce_offer(ClearedOffer(7, ("acme-000",), 0))
            assert "acme" not in offered(federation)

    asyncio.run(main())


def test_a_broken_offer_file_does_not_stop_the_node(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be announced is logged once, and the node goes on."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            folder = PartyFolder(federation.folder("acme"))
            announcer = Announcer(folder)
            write_offer(folder.offer_file, ["bolt-000"])
            async with connected(federation, "acme") as client:
                await announcer.tell(client)
                await announcer.tell(client)

    asyncio.run(main())
    assert sum("the offer was not announced" in record.message for record in caplog.records) == 1
