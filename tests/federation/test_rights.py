"""Who may call what, on the ports of a whole server: identities that do not fit, methods out of turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from feddmf.identity import encode_key, make_key
from feddmf.plan import matched_rows
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.server.rules import RULES
from feddmf_coordinator.store.runs import RunState
from support.authority import EnrolledFederation, made_certificate, make_federation, open_authority
from support.enrolment import until
from support.federation import LiveFederation, live, quick_run
from support.hostile import Bare, ByHand, Said, bare
from support.runs import small_run
from support.whoami import Pair, opened, party_pair

# Calls about a run that change nothing where they are allowed.
HARMLESS = {"Beat", "GetPlan"}


def _no_certificate(_enrolled: EnrolledFederation, _path: Path) -> Pair | None:
    return None


def _another_root(_enrolled: EnrolledFederation, _path: Path) -> Pair:
    return made_certificate(Authority.make("testfed", days=10, now=datetime.now(UTC)))


def _another_federation(_enrolled: EnrolledFederation, path: Path) -> Pair:
    return party_pair(make_federation(path / "other", ("acme",)), "acme")


def _expired(enrolled: EnrolledFederation, _path: Path) -> Pair:
    start = datetime.now(UTC) - timedelta(days=3)
    return made_certificate(open_authority(enrolled.folder), start=start)


def _revoked(enrolled: EnrolledFederation, _path: Path) -> Pair:
    pair = party_pair(enrolled, "bolt")
    enrolling.revoke(enrolled.folder, "bolt")
    return pair


def _in_no_database(enrolled: EnrolledFederation, _path: Path) -> Pair:
    return made_certificate(open_authority(enrolled.folder))


def _the_servers_own(enrolled: EnrolledFederation, _path: Path) -> Pair:
    return enrolled.folder.server_key.read_bytes(), enrolled.folder.server_certificate.read_bytes()


def _another_key(enrolled: EnrolledFederation, _path: Path) -> Pair:
    return encode_key(make_key()), party_pair(enrolled, "acme")[1]


IDENTITIES = (
    _no_certificate,
    _another_root,
    _another_federation,
    _expired,
    _revoked,
    _in_no_database,
    _the_servers_own,
    _another_key,
)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_that_does_not_fit_is_told_nothing(
    tmp_path: Path, identity: Callable[[EnrolledFederation, Path], Pair | None]
) -> None:
    """TLS ends it, or the one word; every method alike, and honest parties are served beside it."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as honest:
            enrolled = federation.enrolled
            pair, root = identity(enrolled, tmp_path), enrolled.folder.root_certificate.read_bytes()
            async with opened(enrolled.settings.port, root, pair) as channel:
                for method in ("Hello", "Beat", "Renew", "NoSuch"):
                    code, details = await _status(channel, method)
                    assert code in {"UNAVAILABLE", "UNAUTHENTICATED", "UNIMPLEMENTED"}
                    if code == "UNAUTHENTICATED":
                        assert details == "refused"
                    assert (code == "UNIMPLEMENTED") <= (method == "NoSuch")
            assert (await honest.say("Beat", pb.BeatRequest())).how == "OK"

    asyncio.run(main())


async def _status(channel: grpc.aio.Channel, method: str) -> tuple[str, str]:
    try:
        await channel.unary_unary(f"/feddmf.wire.Federation/{method}")(b"", timeout=5)
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""


async def _say(party: Bare, method: str, by_hand: ByHand) -> Said:
    """Make the call that `method` is for, about the run of `by_hand`."""
    run = by_hand.plan.run
    if method == "Exchange":
        return await party.exchange(by_hand.contribution("acme"))
    if method == "Publish":
        return await party.publish(by_hand.offer(["acme-000"]))
    requests = {
        "Beat": pb.BeatRequest(run=run),
        "GetPlan": pb.GetPlanRequest(run=run),
        "AnswerRun": pb.AnswerRunRequest(run=run, accept=False, reason="no"),
        "GetPublication": pb.GetPublicationRequest(run=run, party="bolt"),
        "Withdraw": pb.WithdrawRequest(run=run),
    }
    return await party.say(method, requests[method])


async def _hold(federation: LiveFederation, run: str, state: RunState, acme: Bare, cargo: Bare) -> None:
    """See that in `state` a member is heard as the rules say, and who is no member never."""
    assert federation.run(run).state is state
    plan = federation.run(run).plan
    by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
    about_runs = [method for method, rule in RULES.items() if rule.states]
    assert len(about_runs) >= 7
    for method in about_runs:
        said = await _say(cargo, method, by_hand)
        assert "cargo has no part in a run" in said.text, (method, state)
        if state not in RULES[method].states:
            said = await _say(acme, method, by_hand)
            assert said.how in {"ABORTED", "ended"}, (method, state, said)
        elif method in HARMLESS:
            assert (await _say(acme, method, by_hand)).how == "OK", (method, state)
    assert federation.run(run).state is state


def test_each_method_is_heard_in_the_states_of_its_rule_alone(tmp_path: Path) -> None:
    """One run is taken through all its states, two more end otherwise; nothing out of turn moves any."""

    async def main() -> None:
        async with (
            live(tmp_path, small_run(3)) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
            bare(federation.enrolled, "cargo") as cargo,
        ):
            first, second, third = (federation.submit(quick_run(("acme", "bolt"))) for _ in range(3))
            await until(lambda: federation.run(first).state is RunState.GATHERING)
            await _hold(federation, first, RunState.GATHERING, acme, cargo)
            await _hold(federation, second, RunState.SUBMITTED, acme, cargo)
            assert await asyncio.gather(acme.join(), bolt.join()) == [first, first]
            await until(lambda: federation.run(first).state is RunState.RUNNING)
            await _hold(federation, first, RunState.RUNNING, acme, cargo)
            plan = federation.run(first).plan
            by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
            await by_hand.train(acme, bolt)
            await until(lambda: federation.run(first).state is RunState.PUBLISHING)
            await _hold(federation, first, RunState.PUBLISHING, acme, cargo)
            for party in (acme, bolt):
                assert (await party.publish(by_hand.offer([f"{party.party}-000"]))).how == "OK"
            await federation.ended(first)
            await _hold(federation, first, RunState.FINISHED, acme, cargo)
            await until(lambda: federation.run(second).state is RunState.GATHERING)
            assert (await bolt.say("AnswerRun", pb.AnswerRunRequest(run=second, reason="no"))).how == "OK"
            await federation.ended(second)
            await _hold(federation, second, RunState.FAILED, acme, cargo)
            federation.stop(third)
            await federation.ended(third)
            await _hold(federation, third, RunState.STOPPED, acme, cargo)

    asyncio.run(main())


def test_a_contribution_counts_for_its_sender_in_its_round_of_its_run(tmp_path: Path) -> None:
    """Sent again later, into another run, or by another party, it moves nothing; both runs finish."""

    async def main() -> None:
        async with (
            live(tmp_path) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
        ):
            old: list[pb.ExchangePart] = []
            for _ in range(2):
                run = federation.submit(quick_run(("acme", "bolt")))
                assert await asyncio.gather(acme.join(), bolt.join()) == [run, run]
                plan = federation.run(run).plan
                by_hand = ByHand(plan, matched_rows(federation.small.catalogue, plan))
                first = by_hand.contribution("bolt")
                if old:
                    said = await bolt.exchange(old)
                    assert said.how == "ended"
                # Bolt's own words in acme's mouth are acme's: the round goes on waiting for bolt.
                waiting = asyncio.create_task(acme.exchange(first))
                await asyncio.sleep(0.3)
                assert not waiting.done()
                assert (await bolt.exchange(first)).how == "OK"
                assert (await waiting).how == "OK"
                await by_hand.train(acme, bolt, start=1)
                seen = sum(phase.rounds for phase in by_hand.phases)
                await until(lambda done=seen, name=run: len(federation.rounds(name)) == done)
                replayed = await bolt.exchange(first)
                assert "is not the open round" in replayed.text
                assert len(federation.rounds(run)) == seen
                for party in (acme, bolt):
                    assert (await party.publish(by_hand.offer([f"{party.party}-000"]))).how == "OK"
                assert (await federation.ended(run)).state is RunState.FINISHED
                old = first

    asyncio.run(main())


def test_nobody_reads_or_writes_what_is_anothers(tmp_path: Path) -> None:
    """No request names its sender: there is no way to ask, accept, answer or offer as another party."""

    async def main() -> None:
        async with (
            live(tmp_path) as federation,
            bare(federation.enrolled, "acme") as acme,
            bare(federation.enrolled, "bolt") as bolt,
        ):
            for party in (acme, bolt):
                document = b"".join(
                    part.data for part in (await party.say("GetCatalogue", pb.GetCatalogueRequest())).replies
                )
                other = "bolt" if party is acme else "acme"
                assert f"{party.party}-000".encode() in document
                assert f"{other}-000".encode() not in document
            claims = pb.OfferPart(catalogue_version=1, owner="acme", items=[pb.OfferedItem(key="acme-000")])
            said = await bolt.announce([claims])
            assert "is not an item of its own" in said.text
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await bolt.join() == run
            assert await acme.waiting_run() == run

    asyncio.run(main())
