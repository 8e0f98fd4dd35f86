"""Identities that end or never fitted: refused on every call, and explained from the party's own files."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import ConnectError, Refused, RunFailed
from feddmf.plan import matched_rows
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator import enrolling
from feddmf_coordinator.store.runs import RunState
from feddmf_party.client.federation import FederationClient
from feddmf_party.identity import IdentityFiles
from feddmf_party.settings import NodeSettings
from support.enrolment import until
from support.federation import Watch, live, quick_run
from support.hostile import ByHand, Said, bare

ENDLESS = {
    "training": {"epochs": 10_000},
    "alignment": {"max_rounds": 900},
    "waits": {"absent_s": 3},
}


def test_a_party_that_is_revoked_in_mid_run_is_out_of_it(tmp_path: Path) -> None:
    """Its own node ends with Refused, and the others read that it is missing."""

    async def main() -> None:
        watch = Watch()
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt"), **ENDLESS))
            nodes = asyncio.gather(federation.node("acme", watch), federation.node("bolt"))
            await until(lambda: watch.count("round_done") > 2, within_s=20)
            enrolling.revoke(federation.enrolled.folder, "bolt")
            async with asyncio.timeout(20):
                honest, revoked = await nodes
            assert isinstance(revoked, Refused)
            assert "refused this party, whose own files are in order" in revoked.message
            found = federation.run(run)
            assert found.state is RunState.FAILED
            assert found.reason.startswith("bolt is missing: not heard from for")
            assert isinstance(honest, RunFailed)
            assert honest.message == found.reason

    asyncio.run(main())


def test_who_is_revoked_while_waiting_gets_no_reply(tmp_path: Path) -> None:
    """The stream was open before, and the round ends after."""

    async def main() -> None:
        async with (
            live(tmp_path) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
        ):
            run = federation.submit(quick_run(("acme", "bolt")))
            await asyncio.gather(acme.join(), bolt.join())
            plan = federation.run(run).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            waiting = asyncio.create_task(bolt.exchange(by_hand.contribution("bolt")))
            await asyncio.sleep(0.2)
            enrolling.revoke(federation.enrolled.folder, "bolt")
            assert (await acme.exchange(by_hand.contribution("acme"))).how == "OK"
            assert await waiting == Said("UNAUTHENTICATED", "refused")
            assert await bolt.say("Beat", pb.BeatRequest()) == Said("UNAUTHENTICATED", "refused")

    asyncio.run(main())


@pytest.mark.parametrize("gathering", [True, False])
def test_revocation_ends_a_stream_that_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, gathering: bool
) -> None:
    """In a run that gathers, or for the others' contributions: within seconds, with nobody else moving."""

    async def main() -> None:
        async with (
            live(tmp_path) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
        ):
            run = federation.submit(quick_run(("acme", "bolt")))
            await asyncio.gather(*(party.join() for party in ([bolt] if gathering else [acme, bolt])))
            plan = federation.run(run).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            waiting = asyncio.create_task(bolt.exchange(by_hand.contribution("bolt")))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            enrolling.revoke(federation.enrolled.folder, "bolt")
            async with asyncio.timeout(5):
                assert await waiting == Said("UNAUTHENTICATED", "refused")
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            assert "ended a call of bolt under way: the certificate" in caplog.text

    asyncio.run(main())


def test_the_end_of_a_certificate_ends_a_stream_that_waits(tmp_path: Path) -> None:
    """Nobody revoked it; its time was over."""

    async def main() -> None:
        long_ago = datetime.now(UTC) - timedelta(days=90) + timedelta(seconds=3)
        async with live(tmp_path, now=long_ago) as federation, bare(federation.enrolled, "bolt") as bolt:
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await bolt.join() == run
            plan = federation.run(run).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            async with asyncio.timeout(8):
                said = await bolt.exchange(by_hand.contribution("bolt"))
            assert said == Said("UNAUTHENTICATED", "refused")

    asyncio.run(main())


def test_a_certificate_that_ends_while_the_node_works_ends_the_node(tmp_path: Path) -> None:
    """A connection outlives the certificate that opened it; the party reads which date has passed."""

    async def main() -> None:
        watch = Watch()
        # Certificates are for ninety days; these have three seconds left.
        long_ago = datetime.now(UTC) - timedelta(days=90) + timedelta(seconds=3)
        async with live(tmp_path, now=long_ago) as federation, asyncio.timeout(20):
            error = await federation.node("acme", watch)
            assert watch.count("connected") == 1
            assert isinstance(error, Refused)
            assert error.exit_code == 2
            assert "refused: the certificate ended on" in error.message
            assert "feddmf party enroll" in error.hint

    asyncio.run(main())


def test_an_expired_certificate_is_told_without_a_call(tmp_path: Path) -> None:
    """Nobody has to answer for that; the handshake would only fail."""

    async def main() -> None:
        long_ago = datetime.now(UTC) - timedelta(days=91)
        async with live(tmp_path, now=long_ago) as federation:
            error = await federation.node("acme")
            assert isinstance(error, Refused)
            assert error.message.startswith("the certificate ended on")

    asyncio.run(main())


def test_a_coordinator_of_another_federation_is_not_spoken_to(tmp_path: Path) -> None:
    """What answers has no certificate from the party's root: said at once, not after a minute of trying."""

    async def main() -> None:
        async with live(tmp_path / "one") as one, live(tmp_path / "other") as other:
            files = IdentityFiles(one.folder("acme"))
            named = files.load_federation()
            files.write_federation(named.model_copy(update={"federation_address": other.enrolled.address}))
            patient = NodeSettings(reconnect_s=600)
            async with asyncio.timeout(10), FederationClient(one.folder("acme"), patient) as client:
                with pytest.raises(
                    Refused, match="has no certificate from the root in this party's"
                ) as caught:
                    await client.hello()
            assert other.enrolled.address in caught.value.message

    asyncio.run(main())


def test_a_certificate_of_another_federation_gets_no_byte(tmp_path: Path) -> None:
    """The coordinator's handshake refuses it; the party gives up after its time and says what to check."""

    async def main() -> None:
        async with live(tmp_path / "one") as one, live(tmp_path / "other") as other:
            files = IdentityFiles(one.folder("acme"))
            named = files.load_federation()
            files.write_federation(named.model_copy(update={"federation_address": other.enrolled.address}))
            # Somebody who believes the other root, and has a certificate of the first all the same.
            client = FederationClient(one.folder("acme"), NodeSettings(reconnect_s=0.5))
            root = other.enrolled.folder.root_certificate.read_bytes()
            client._identity = replace(client._identity, root_pem=root)
            async with asyncio.timeout(10), client:
                with pytest.raises(ConnectError, match="cannot be reached") as caught:
                    await client.hello()
            assert "certificate is of its federation" in caught.value.hint

    asyncio.run(main())
