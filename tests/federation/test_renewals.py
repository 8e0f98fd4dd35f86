"""Certificates that near their end while nodes work: renewed by themselves, and no run is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import Refused
from feddmf.identity import make_key
from feddmf.plan import matched_rows
from feddmf.succession import make_succession
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator import enrolling
from feddmf_coordinator.renewing import renew_all, renew_until
from feddmf_coordinator.store.renewals import last_renewals
from feddmf_coordinator.store.runs import RunState
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import Cleared
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.renewing import renew
from feddmf_party.settings import NodeSettings
from support.authority import EnrolledFederation, enrol, open_authority
from support.enrolment import until
from support.federation import LiveFederation, Watch, live, quick_run
from support.hostile import ByHand, Said, bare
from support.runs import small_run


def _left(**left: float) -> datetime:
    """Return when to enrol so that this much is left of ninety days."""
    return datetime.now(UTC) - timedelta(days=90) + timedelta(**left)


@contextlib.asynccontextmanager
async def _signing(federation: LiveFederation) -> AsyncIterator[None]:
    """Sign renewals beside the server, as `feddmf coordinator renewals` does."""
    folder, stop = federation.enrolled.folder, threading.Event()
    authority = open_authority(folder)
    task = asyncio.create_task(asyncio.to_thread(renew_until, folder, authority, stop, every_s=0.05))
    try:
        yield
    finally:
        stop.set()
        await task


def _ends(federation: LiveFederation, party: str) -> datetime:
    return federation.enrolled.identity(party).valid_until


def test_nodes_renew_in_mid_run_and_the_run_finishes(tmp_path: Path) -> None:
    """The certificates that began the run end before it does; nobody is asked, and no round is lost."""

    async def main() -> None:
        watch = Watch()
        slow = {"training": {"epochs": 400}, "alignment": {"max_rounds": 900, "syncs_per_epoch": 2}}
        async with live(tmp_path, now=_left(seconds=6)) as federation:
            old = {party: federation.enrolled.identity(party) for party in ("acme", "bolt")}
            run = federation.submit(quick_run(("acme", "bolt"), **slow))
            async with _signing(federation):
                nodes = asyncio.gather(federation.node("acme", watch), federation.node("bolt"))
                await until(lambda: watch.count("round_done") > 2, within_s=30)
                async with asyncio.timeout(90):
                    assert await nodes == [None, None]
            assert federation.run(run).state is RunState.FINISHED
            for party, before in old.items():
                assert _ends(federation, party) > datetime.now(UTC) + timedelta(days=89)
                assert federation.enrolled.identity(party).key_pem != before.key_pem
            assert datetime.now(UTC) > old["acme"].valid_until

    asyncio.run(main())


def test_a_stream_that_waits_outlives_the_certificate_it_was_opened_with(tmp_path: Path) -> None:
    """It goes on until the old certificate ends, and is made again under the new one, in the same call."""

    async def main() -> None:
        async with (
            live(tmp_path, now=_left(seconds=5)) as federation,
            FederationClient(federation.folder("acme"), NodeSettings(call_s=20, reconnect_s=5)) as acme,
        ):
            ends = _ends(federation, "acme")
            run = federation.submit(quick_run(("acme", "bolt")))
            await until(lambda: federation.run(run).state is RunState.GATHERING)
            # It waits in a run that gathers still.
            await acme.answer_run(run, accept=True)
            plan = federation.run(run).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            waiting = asyncio.create_task(
                _exchange(acme, by_hand, LedgerFile(federation.folder("acme") / "ledger.jsonl"))
            )
            assert not await renew(acme, federation.folder("acme"))
            renew_all(federation.enrolled.folder, open_authority(federation.enrolled.folder))
            assert await renew(acme, federation.folder("acme"))
            await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 2.5)
            assert not waiting.done()
            enrol(federation.enrolled.folder, "bolt", federation.folder("bolt"))
            async with bare(federation.enrolled, "bolt") as bolt:
                assert await bolt.join() == run
                said = await bolt.exchange(by_hand.contribution("bolt"))
            assert said.how == "OK"
            await waiting

    asyncio.run(main())


async def _exchange(client: FederationClient, by_hand: ByHand, ledger: LedgerFile) -> object:
    """Send the first contribution as a node does."""
    phase = by_hand.phases[0]
    payload = by_hand.payload(client.party, phase)
    record = ledger.append({"event": "release", "phase": phase.name, "round": 0})
    cleared = Cleared(by_hand.plan.run, phase.name, 0, phase.contribution, payload, record)
    return await client.exchange(
        cleared, reply=phase.reply, sizes=by_hand.rows.sizes(client.party), limit_s=60
    )


def test_a_copied_key_renews_once_at_most_and_it_shows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The thief is first, so the owner is refused on the wire, and the operator's log says why."""

    async def main() -> None:
        async with live(tmp_path, now=_left(days=20)) as federation:
            stolen = IdentityFiles(Path(shutil.copytree(federation.folder("acme"), tmp_path / "stolen")))
            key, certificate = stolen.load_pair()
            async with (
                bare(federation.enrolled, "acme") as thief,
                FederationClient(federation.folder("acme"), NodeSettings()) as acme,
            ):
                der = make_succession(make_key(), key, certificate, "acme")
                assert (await thief.say("Renew", pb.RenewRequest(request_der=der))).how == "OK"
                with pytest.raises(Refused, match="refused this party, whose own files are in order"):
                    await renew(acme, federation.folder("acme"))
            with federation.database.read() as connection:
                assert last_renewals(connection)["acme"].status == "waiting"
            assert "asks for a second certificate" in caplog.text

    asyncio.run(main())


def test_nobody_renews_for_another(tmp_path: Path) -> None:
    """A request over bolt's channel for acme's certificate, or one that acme has made, is refused."""

    async def main() -> None:
        async with live(tmp_path, now=_left(days=20)) as federation:
            key, certificate = IdentityFiles(federation.folder("acme")).load_pair()
            der = make_succession(make_key(), key, certificate, "acme")
            async with bare(federation.enrolled, "bolt") as bolt:
                for request in (der, b"", b"\0" * 100_000):
                    said = await bolt.say("Renew", pb.RenewRequest(request_der=request))
                    assert said == Said("PERMISSION_DENIED", "refused")
            assert renew_all(federation.enrolled.folder, open_authority(federation.enrolled.folder)) == ()

    asyncio.run(main())


def test_the_server_takes_up_its_new_certificate_without_a_restart(tmp_path: Path) -> None:
    """Connections that are open go on; new ones are shown the new certificate."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as acme:
            before = await asyncio.to_thread(_shown, federation.enrolled)
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            enrolling.renew(federation.enrolled.folder)
            assert await asyncio.to_thread(_shown, federation.enrolled) != before
            async with bare(federation.enrolled, "bolt") as bolt:
                assert (await bolt.say("Beat", pb.BeatRequest())).how == "OK"
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            # Half a pair, as between the two writes: the one that is shown stays.
            federation.enrolled.folder.server_certificate.write_bytes(b"half")
            async with bare(federation.enrolled, "bolt") as bolt:
                assert (await bolt.say("Beat", pb.BeatRequest())).how == "OK"

    asyncio.run(main())


def _shown(enrolled: EnrolledFederation) -> bytes:
    """Return the certificate that the federation port shows."""
    pem = ssl.get_server_certificate(
        ("127.0.0.1", enrolled.settings.port), ssl_version=ssl.PROTOCOL_TLS_CLIENT
    )
    return pem.encode()


def test_the_server_needs_no_key_of_the_authority(tmp_path: Path) -> None:
    """With ca/ gone, runs go on from the first call to the last, and renewals wait."""

    async def main() -> None:
        async with live(tmp_path, now=_left(days=20)) as federation:
            shutil.move(federation.enrolled.folder.authority_key.parent, tmp_path / "elsewhere")
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}
            assert federation.run(run).state is RunState.FINISHED
            with federation.database.read() as connection:
                assert {each.status for each in last_renewals(connection).values()} == {"waiting"}

    asyncio.run(main())


def test_a_party_is_added_without_touching_the_others(tmp_path: Path) -> None:
    """Files, certificates and open connections of those who are there stay as they are."""

    async def main() -> None:
        async with live(tmp_path, small_run(2)) as federation, bare(federation.enrolled, "acme") as acme:
            homes = [federation.folder(party) for party in ("acme", "bolt")]
            before = [
                path.read_bytes() for home in homes for path in sorted(home.rglob("*")) if path.is_file()
            ]
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            enrol(federation.enrolled.folder, "cargo", tmp_path / "cargo")
            async with FederationClient(tmp_path / "cargo", NodeSettings(call_s=5, reconnect_s=1)) as cargo:
                assert await cargo.hello() == "testfed"
            assert (await acme.say("Beat", pb.BeatRequest())).how == "OK"
            after = [
                path.read_bytes() for home in homes for path in sorted(home.rglob("*")) if path.is_file()
            ]
            assert after == before
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}
            assert federation.run(run).state is RunState.FINISHED

    asyncio.run(main())
