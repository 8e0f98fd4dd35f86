"""Runs over mutual TLS, with the coordinator and the nodes in this event loop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import DataError, PolicyError, RunFailed
from feddmf.files import write_text
from feddmf_coordinator.store.runs import RunState
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import write_offer
from feddmf_party.prediction import Predictor
from feddmf_party.run_ends import run_ends
from feddmf_party.run_folder import RunFolder
from support.enrolment import until
from support.federation import LiveFederation, Watch, live, quick_run
from support.runs import PARTIES, small_run


def _kept(federation: LiveFederation, party: str, run: str) -> RunFolder:
    return RunFolder(federation.folder(party) / "runs" / run)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_parties_train_together_and_predict_what_others_offer(tmp_path: Path, count: int) -> None:
    """After the run each party scores all of its own users for all that each of its peers offers."""
    small, parties = small_run(count, users=24), PARTIES[:count]

    async def main() -> None:
        async with live(tmp_path, small) as federation:
            run = federation.submit(quick_run(parties))
            assert set((await federation.nodes(*parties)).values()) == {None}
            assert federation.run(run).state is RunState.FINISHED
            assert [each["position"] for each in federation.rounds(run)] == list(range(13))
            for party in parties:
                _predicts(federation, party, run)

    def _predicts(federation: LiveFederation, party: str, run: str) -> None:
        predictor = Predictor(_kept(federation, party, run))
        peers = [peer for peer in parties if peer != party]
        assert [(each.owner, each.key) for each in predictor.attributes()] == [
            (peer, key) for peer in peers for key in small.items[peer].exclusive
        ]
        (block,) = predictor.predict(predictor.attributes())
        assert block.users.tolist() == [f"u{user:03}" for user in range(24)]
        assert ((block.probabilities > 0) & (block.probabilities < 1)).all()

    asyncio.run(main())


def test_a_party_publishes_what_it_offers_and_nothing_else(tmp_path: Path) -> None:
    """One item of six, with its label and its own trained vector; a party that offers nothing, nothing."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            write_offer(federation.folder("acme") / "offer.toml", ["acme-003"])
            (federation.folder("bolt") / "offer.toml").unlink()
            run = federation.submit(quick_run(("acme", "bolt")))
            assert await federation.nodes("acme", "bolt") == {"acme": None, "bolt": None}
            published = federation.published(run)
            (acme, vectors), (bolt, nothing) = published["acme"], published["bolt"]
            assert acme.items == (("acme-003", "ACME-003"),)
            trained = _kept(federation, "acme", run).load_model()["items"]
            code = federation.small.items["acme"].view.keys.index("acme-003")
            np.testing.assert_array_equal(vectors["vectors"], trained[[code]])
            assert bolt.items == ()
            assert nothing["vectors"].shape == (0, 8)
            (peer,) = _kept(federation, "bolt", run).load_peers()
            assert (peer.party, peer.keys, peer.labels) == ("acme", ("acme-003",), ("ACME-003",))
            np.testing.assert_array_equal(peer.vectors, vectors["vectors"])

    asyncio.run(main())


def test_every_release_is_in_the_ledger(tmp_path: Path) -> None:
    """Offer, joining, thirteen rounds, publication; the bytes are those that the coordinator received."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            await federation.nodes("acme", "bolt")
            records = [
                record
                for party in ("acme", "bolt")
                for record in LedgerFile(federation.folder(party) / "ledger.jsonl").records()
            ]
            events = [record["event"] for record in records]
            assert events == ["key", "offer", "join", *["release"] * 14] * 2
            sent = [record for record in records if record.get("phase") in {"align", "close"}]
            up = sum(each["bytes_up"] for each in federation.rounds(run))
            assert sum(record["bytes"] for record in sent) == up > 0

    asyncio.run(main())


def test_a_node_tells_its_people_what_it_does(tmp_path: Path) -> None:
    """Connected, its table loaded, joined, each round, finished; nothing failed."""

    async def main() -> None:
        watch = Watch()
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            await asyncio.gather(federation.node("acme", watch), federation.node("bolt"))
            assert [name for name, _ in watch.told] == [
                "connected",
                *["loading"] * 2,
                "joined",
                *["round_done"] * 13,
                "finished",
            ]
            (last,) = [what for name, (*what,) in watch.told if name == "round_done"][-1]
            figures = _kept(federation, "acme", run).path / "rounds.jsonl"
            rounds = [json.loads(line) for line in figures.read_text().splitlines()]
            assert [each["number"] for each in rounds] == list(range(1, 14))
            assert rounds[-1]["bytes_sent"] == last.bytes_sent

    asyncio.run(main())


def test_runs_of_the_same_parties_follow_one_another(tmp_path: Path) -> None:
    """The second waits until the first has ended; nodes that stay take part in both, one by one."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            first, second = (federation.submit(quick_run(("acme", "bolt"))) for _ in range(2))
            watches = {party: Watch() for party in ("acme", "bolt")}
            staying = [
                asyncio.create_task(federation.node(party, watch, once=False))
                for party, watch in watches.items()
            ]
            ended = await federation.ended(first)
            assert federation.run(second).state is not RunState.FINISHED
            assert ended.state is RunState.FINISHED
            assert (await federation.ended(second)).state is RunState.FINISHED
            await until(lambda: all(watch.count("finished") == 2 for watch in watches.values()))
            for task in staying:
                task.cancel()
            await asyncio.gather(*staying, return_exceptions=True)
            for watch in watches.values():
                kept = [what[0].path.name for name, what in watch.told if name == "finished"]
                assert kept == [first, second]
                assert watch.count("failed") == 0

    asyncio.run(main())


def test_runs_without_common_parties_go_on_beside_each_other(tmp_path: Path) -> None:
    """And a third that shares a party with both waits for both, without being overtaken."""
    small = small_run(4, users=12, each=4)

    async def main() -> None:
        async with live(tmp_path, small) as federation:
            left = federation.submit(quick_run(("acme", "bolt")))
            right = federation.submit(quick_run(("cargo", "delta")))
            both = federation.submit(quick_run(("bolt", "cargo")))
            late = federation.submit(quick_run(("acme", "bolt")))
            await until(lambda: {federation.run(run).state for run in (left, right)} == {RunState.GATHERING})
            assert {federation.run(run).state for run in (both, late)} == {RunState.SUBMITTED}
            for run in (both, late):
                federation.stop(run)
                assert (await federation.ended(run)).state is RunState.STOPPED
            results = await federation.nodes("acme", "bolt", "cargo", "delta")
            assert set(results.values()) == {None}
            assert {federation.run(run).state for run in (left, right)} == {RunState.FINISHED}

    asyncio.run(main())


def test_a_run_outside_a_partys_policy_is_declined_with_the_reason(tmp_path: Path) -> None:
    """The operator reads what the policy says of the plan; nothing is trained and nothing was sent."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            write_text(federation.folder("bolt") / "policy.toml", "max_rounds = 5\n")
            run = federation.submit(quick_run(("acme", "bolt")))
            acme, bolt = await federation.nodes_after("acme", "bolt")
            found = await federation.ended(run)
            assert found.state is RunState.FAILED
            assert found.reason == f"bolt declines the run: run {run} has 13 exchanges, over 5 (at bolt)"
            assert type(bolt) is PolicyError
            assert isinstance(acme, RunFailed)
            assert acme.message == found.reason
            ledger = LedgerFile(federation.folder("bolt") / "ledger.jsonl").records()
            assert [record["event"] for record in ledger] == ["key", "offer"]
            assert federation.rounds(run) == ()
            (declined,) = run_ends(PartyFolder(federation.folder("bolt")).ended)
            assert (declined.run, declined.what, declined.why) == (run, "declined", bolt.message)
            (failed,) = run_ends(PartyFolder(federation.folder("acme")).ended)
            assert (failed.run, failed.what, failed.why) == (run, "failed", acme.message)

    asyncio.run(main())


def test_a_broken_table_is_told_at_home_and_not_on_the_wire(tmp_path: Path) -> None:
    """The party's own people read file and row; the operator reads that its data cannot be used."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            table = federation.folder("bolt") / "interactions.csv"
            lines = table.read_text().splitlines()
            lines[7] = "u-secret,no-such-item"
            table.write_text("\n".join(lines) + "\n")
            run = federation.submit(quick_run(("acme", "bolt")))
            honest, broken = await federation.nodes_after("acme", "bolt")
            found = await federation.ended(run)
            assert found.reason == "bolt declines the run: DataError (at bolt)"
            assert isinstance(broken, DataError)
            assert "no-such-item" in broken.message
            assert str(table) in broken.message
            assert isinstance(honest, RunFailed)
            assert "no-such-item" not in honest.message

    asyncio.run(main())


def test_a_party_that_has_not_accepted_the_catalogue_declines(tmp_path: Path) -> None:
    """It trains on nothing that it has not seen."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            (federation.folder("bolt") / "catalogue" / "v1.view").unlink()
            run = federation.submit(quick_run(("acme", "bolt")))
            watch = Watch()
            error = await federation.node("bolt", watch)
            assert "has not accepted the catalogue digest" in str(error)
            assert [name for name, _ in watch.told] == ["connected", "declined"]
            assert (await federation.ended(run)).reason == "bolt declines the run: CatalogueError (at bolt)"

    asyncio.run(main())


def test_a_party_that_fails_in_mid_run_says_so_at_once(tmp_path: Path) -> None:
    """The others do not wait until it is missed; why stays at home, since it may tell of private data."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            write_text(federation.folder("bolt") / "policy.toml", "max_row_norm = 1e-6\n")
            run = federation.submit(quick_run(("acme", "bolt")))
            results = await federation.nodes("acme", "bolt")
            found = await federation.ended(run)
            assert found.reason == "bolt leaves the run: PolicyError (at bolt)"
            assert "vectors has a row of norm" in str(results["bolt"])
            assert isinstance(results["acme"], RunFailed)
            assert results["acme"].message == found.reason

    asyncio.run(main())


def test_a_run_is_stopped_while_its_rounds_fly_by(tmp_path: Path) -> None:
    """The operator's stop comes through within a second or so, and both nodes say who stopped it."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            settings = quick_run(
                ("acme", "bolt"),
                training={"epochs": 10_000, "batch_size": 1024},
                alignment={"syncs_per_epoch": 50, "max_rounds": 500_000},
            )
            for party in ("acme", "bolt"):
                write_text(
                    federation.folder(party) / "policy.toml",
                    "max_rounds = 1000000\nmax_run_bytes = 1000000000000\n",
                )
            run = federation.submit(settings)
            nodes = asyncio.create_task(federation.nodes("acme", "bolt"))
            await until(lambda: len(federation.rounds(run)) > 20, within_s=20)
            federation.stop(run)
            found = await federation.ended(run, within_s=10)
            assert found.state is RunState.STOPPED
            assert found.reason == "the operator stopped the run"
            for error in (await nodes).values():
                assert isinstance(error, RunFailed)
                assert error.message == "the operator stopped the run"

    asyncio.run(main())


def test_a_run_that_waits_for_parties_is_stopped_too(tmp_path: Path) -> None:
    """Also before anybody has answered."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            await until(lambda: federation.run(run).state is RunState.GATHERING)
            federation.stop(run)
            assert (await federation.ended(run)).state is RunState.STOPPED

    asyncio.run(main())


def test_who_does_not_come_is_named(tmp_path: Path) -> None:
    """The run ends after `join_s`; the party that came reads who did not."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt"), waits={"join_s": 8}))
            results = await federation.nodes("acme")
            found = await federation.ended(run)
            assert found.reason == (
                "bolt is missing: nothing came within 8 s; the run waits for its answer to the run"
            )
            assert "feddmf party start" in found.hint
            assert isinstance(results["acme"], RunFailed)
            assert results["acme"].message == found.reason

    asyncio.run(main())


def test_a_run_whose_vectors_do_not_agree_publishes_nothing(tmp_path: Path) -> None:
    """The probe items' cosine ends under its floor: both parties read it, no folder is finished."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            settings = quick_run(
                ("acme", "bolt"), alignment={"beta": 0, "probe_share": 0.5}, enforcement={"probe_floor": 0.99}
            )
            run = federation.submit(settings)
            results = await federation.nodes("acme", "bolt")
            found = await federation.ended(run)
            assert "under the floor of 0.99" in found.reason
            assert {str(error) for error in results.values()} == {found.reason}
            assert federation.published(run) == {}

    asyncio.run(main())
    assert not list(tmp_path.glob("*/runs/*/run.json"))
