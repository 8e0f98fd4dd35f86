"""Publications that are taken back, and that end, over mutual TLS with the product's own processes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import InputError, RunFailed
from feddmf.protocols.registry import protocol_for
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.store.publications import VectorShelf, add_publication
from feddmf_coordinator.store.withdrawals import list_withdrawals
from feddmf_party.client.federation import FederationClient
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import RunFolder
from feddmf_party.settings import NodeSettings
from feddmf_party.terms import keep_until, load_terms
from feddmf_party.withdrawals import learn_of_withdrawals, take_back
from support.cli import Cli
from support.enrolment import until
from support.federation import LiveFederation, Watch, live, quick_run
from support.runs import PARTIES, small_run

REASON = "the brand asked for it"


def _client(federation: LiveFederation, party: str) -> FederationClient:
    return FederationClient(federation.folder(party), NodeSettings(reconnect_s=5))


def _kept(federation: LiveFederation, party: str, run: str) -> RunFolder:
    return RunFolder(federation.folder(party) / "runs" / run)


async def _withdraw(federation: LiveFederation, party: str, run: str, *keys: str) -> None:
    ledger = LedgerFile(federation.folder(party) / "ledger.jsonl")
    async with _client(federation, party) as client:
        await take_back(client, ledger, run, keys, reason=REASON)


def test_what_is_taken_back_is_gone_from_the_shelf_and_nobody_scores_by_it(tmp_path: Path) -> None:
    """One item of six: the others stay as they are; the peer's node does away with the vector and says so."""

    async def main() -> None:
        async with live(tmp_path, small_run(3)) as federation:
            run = federation.submit(quick_run(PARTIES[:3]))
            await federation.nodes(*PARTIES[:3])
            _, whole = federation.published(run)["acme"]
            before = Predictor(_kept(federation, "bolt", run)).attributes()
            await _withdraw(federation, "acme", run, "acme-001")
            left, payload = federation.published(run)["acme"]
            assert [key for key, _ in left.items] == [f"acme-00{each}" for each in (0, 2, 3, 4, 5)]
            np.testing.assert_array_equal(payload["vectors"], np.delete(whole["vectors"], 1, axis=0))
            shelf = federation.enrolled.folder.path / "vectors" / run
            assert [path.name for path in sorted(shelf.glob("acme*"))] == [
                f"acme.{left.sha256[:16]}.safetensors"
            ]
            watch = Watch()
            node = asyncio.create_task(federation.node("bolt", watch, once=False))
            kept = _kept(federation, "bolt", run)
            await until(lambda: load_terms(kept.path).withdrawals)
            node.cancel()
            await asyncio.wait({node})
            _obeyed(kept, before)
            # Who took no part in taking it back is told too; who did is not told of its own.
            async with _client(federation, "cargo") as cargo, _client(federation, "acme") as acme:
                assert [each.keys for each in await cargo.withdrawals()] == [("acme-001",)]
                assert await acme.withdrawals() == ()

    def _obeyed(kept: RunFolder, before: tuple[object, ...]) -> None:
        predictor = Predictor(kept)
        assert len(predictor.attributes()) == len(before) - 1
        with pytest.raises(InputError, match=f"withdrawn by acme on .*: {REASON}"):
            predictor.attribute("acme-001")
        (gone,) = predictor.offered.unavailable()
        assert (gone.owner, gone.key) == ("acme", "acme-001")
        (acme,) = (peer for peer in kept.load_peers() if peer.party == "acme")
        assert not acme.vectors[acme.keys.index("acme-001")].any()
        assert acme.vectors[acme.keys.index("acme-002")].any()

    asyncio.run(main())


def test_everything_can_be_taken_back_once_and_again(tmp_path: Path) -> None:
    """The second time changes nothing; a lost acknowledgement of the publication is still answered."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(PARTIES[:2]))
            await federation.nodes(*PARTIES[:2])
            before, _ = federation.published(run)["acme"]
            await _withdraw(federation, "acme", run, "acme-000", "acme-001")
            for _ in range(2):
                await _withdraw(federation, "acme", run)
            await _withdraw(federation, "acme", run, "acme-001")
            left, payload = federation.published(run)["acme"]
            assert left.items == ()
            assert payload["vectors"].shape == (0, 8)
            with federation.database.read() as connection:
                taken = list_withdrawals(connection, run)
            assert [each.keys for each in taken] == [("acme-000", "acme-001"), ()]
            library = Library(federation.database, VectorShelf(federation.enrolled.folder.path / "vectors"))
            library.check_published(federation.run(run), "acme", before.sha256)
            with pytest.raises(RunFailed, match="other vectors"):
                library.check_published(federation.run(run), "acme", left.sha256)
            async with _client(federation, "bolt") as bolt:
                new = await learn_of_withdrawals(bolt, federation.folder("bolt") / "runs")
                assert [each.keys for each in new] == [("acme-000", "acme-001"), ()]
                assert await learn_of_withdrawals(bolt, federation.folder("bolt") / "runs") == ()
            kept = _kept(federation, "bolt", run)
            assert Predictor(kept).attributes() == ()
            (acme,) = kept.load_peers()
            assert not acme.vectors.any()

    asyncio.run(main())


def test_nobody_takes_back_what_is_not_its_own(tmp_path: Path) -> None:
    """Not a key that it has not published, not another's, and not of a run that it had no part in."""

    async def main() -> None:
        async with live(tmp_path, small_run(3)) as federation:
            run = federation.submit(quick_run(PARTIES[:2]))
            await federation.nodes(*PARTIES[:2])
            for party, key in (("acme", "acme-009"), ("acme", "bolt-000"), ("bolt", "acme-000")):
                with pytest.raises(InputError, match=f"{party} has published no '{key}'"):
                    await _withdraw(federation, party, run, key)
            with pytest.raises(RunFailed, match="cargo has no part in a run"):
                await _withdraw(federation, "cargo", run, "acme-000")
            assert len(federation.published(run)["acme"][0].items) == 6
            async with _client(federation, "cargo") as cargo:
                assert await cargo.withdrawals() == ()

    asyncio.run(main())


def test_a_publication_ends_when_its_party_says(tmp_path: Path) -> None:
    """Peers are told when with the vectors; from then on they score by none of it, and nobody fetches it."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(PARTIES[:2]))
            assert await federation.nodes(*PARTIES[:2]) == {"acme": None, "bolt": None}
            kept = _kept(federation, "bolt", run)
            publication, _ = federation.published(run)["acme"]
            assert load_terms(kept.path).until_ms == {"acme": publication.expires_ms}
            assert len(Predictor(kept).attributes()) == 6
            past = int(time.time() * 1_000) - 1
            with federation.database.begin() as connection:
                add_publication(connection, replace(publication, expires_ms=past), now=datetime.now(UTC))
            schema = protocol_for("feddmf").publication(federation.run(run).plan)
            async with _client(federation, "bolt") as bolt:
                items, payload, until_ms = await bolt.publication(run, "acme", schema, limit_s=10)
            assert (items, payload["vectors"].shape, until_ms) == ((), (0, 8), past)
            shelf = federation.enrolled.folder.path / "vectors" / run
            assert [path.name for path in shelf.glob("*")] == ["bolt.safetensors"]
            keep_until(kept.path, {"acme": past})
            _refuses(Predictor(kept), past)

    def _refuses(predictor: Predictor, past: int) -> None:
        assert predictor.attributes() == ()
        day = time.strftime("%Y-%m-%d", time.gmtime(past / 1_000))
        with pytest.raises(InputError, match=f"published by acme until {day}") as caught:
            predictor.attribute("acme-000")
        assert caught.value.hint == "ask the operator for a new run"

    asyncio.run(main())


def test_both_ledgers_say_until_when_and_what_was_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A year by the policy as it comes; the coordinator's account agrees with the party's."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(PARTIES[:2]))
            await federation.nodes(*PARTIES[:2])
            await _withdraw(federation, "acme", run, "acme-001", "acme-000")
            await _withdraw(federation, "acme", run)
            records = list(LedgerFile(federation.folder("acme") / "ledger.jsonl").records())
            (published,) = (each for each in records if each.get("phase") == "publish")
            publication, _ = federation.published(run)["acme"]
            assert published["expires_ms"] == publication.expires_ms
            assert abs(published["expires_ms"] / 1_000 - time.time() - 365 * 86_400) < 120
            assert [(each["event"], each["run"], each["count"]) for each in records[-2:]] == [
                ("withdrawal", run, 2),
                ("withdrawal", run, 0),
            ]
            assert records[-1]["reason"] == REASON

    asyncio.run(main())
    cli, theirs = Cli(capsys), tmp_path / "about-acme.audit"
    cli.data("audit", "export", "--folder", tmp_path / "coordinator", "--party", "acme", "--out", theirs)
    assert cli.data("audit", "verify", "--folder", tmp_path / "acme")["holds"]
    assert cli.data("audit", "compare", tmp_path / "acme", theirs)["agrees"]
