"""Parties and coordinators that are put back from backups, and runs that go on or are named as lost."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from feddmf.audit.comparing import compare
from feddmf.audit.party_book import audit_party
from feddmf.errors import InputError
from feddmf_coordinator import backup as coordinators
from feddmf_coordinator.letting import let_go_on
from feddmf_coordinator.papers import coordinator_papers
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.runs import RunState
from feddmf_party import backup as parties
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import clear_offer, clear_withdrawal
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from feddmf_party.run_folder import RunFolder
from feddmf_party.settings import NodeSettings
from feddmf_party.simulating import simulate_folders
from support.authority import EnrolledFederation
from support.cli import Cli
from support.databases import new_url
from support.federation import WAITS, bytes_kept, founded, live, quick_run, served, submit
from support.processes import started
from support.runs import small_run

PARTIES = ("acme", "bolt")
LONG: dict[str, Any] = {
    "training": {"epochs": 3_000, "batch_size": 512},
    "alignment": {"syncs_per_epoch": 1, "max_rounds": 100},
}


def test_a_party_that_moves_in_the_middle_of_a_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """Its node is killed, its folder backed up and restored elsewhere; a backup before that is whole too."""
    small = small_run(2)
    enrolled = founded(tmp_path, small, node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5})
    settings = quick_run(PARTIES, waits={**WAITS, "absent_s": 60}, **LONG)
    coordinator, home = enrolled.folder, {party: str(enrolled.parties[party]) for party in PARTIES}
    node = ("party", "start", "--once", "--folder")
    moved = tmp_path / "moved"
    with started(
        tmp_path, "coordinator", "coordinator", "start", "--folder", str(coordinator.path)
    ) as serving:
        serving.until("is served at")
        with started(tmp_path, "acme-log", *node, home["acme"]) as acme:
            with started(tmp_path, "bolt-log", *node, home["bolt"]) as bolt:
                run = submit(enrolled, settings)
                bolt.until("  loss ")
                running = parties.back_up(PartyFolder(enrolled.parties["bolt"]), tmp_path / "running.tar")
                whole = coordinators.back_up(coordinator, tmp_path / "coordinator.tar")
                bolt.kill()
            assert running.left_out == ("interactions.csv",)
            assert f"runs/{run}/checkpoint/run.json" in parties.verified(running.file).files
            stopped = parties.back_up(PartyFolder(enrolled.parties["bolt"]), tmp_path / "stopped.tar")
            assert parties.restore(stopped.file, PartyFolder(moved)).under_way == (run,)
            shutil.copy(enrolled.parties["bolt"] / "interactions.csv", moved)
            with started(tmp_path, "bolt-2", *node, str(moved)) as bolt:
                assert (acme.code(within_s=90), bolt.code(within_s=90)) == (0, 0), acme.said + bolt.said
                assert f"goes on with run {run}" in bolt.said
        assert serving.terminate() == 0
    folders = {"acme": enrolled.parties["acme"], "bolt": moved}
    kept = simulate_folders(settings, small.catalogue, folders, tmp_path / "out")
    for party, folder in folders.items():
        assert bytes_kept(RunFolder(folder / "runs" / run)) == bytes_kept(kept[party])
    restored = CoordinatorFolder(tmp_path / "restored")
    assert coordinators.restore(whole.file, restored, database=new_url()).under_way == (run,)


def test_an_older_ledger_is_refused_until_the_operator_lets_it_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restored party says so itself, is told what to do, and both sides' audits name what is lost."""
    cli, acme = Cli(capsys), tmp_path / "acme"

    async def before() -> None:
        async with live(tmp_path) as federation:
            federation.submit(quick_run(PARTIES))
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            parties.back_up(PartyFolder(acme), tmp_path / "acme.tar")
            federation.submit(quick_run(PARTIES))
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            enrolled.append(federation.enrolled)

    enrolled: list[EnrolledFederation] = []
    asyncio.run(before())
    acme.rename(tmp_path / "broken")
    code, out, err = cli.call("party", "restore", tmp_path / "acme.tar", "--folder", acme)
    assert (code, "is what it was on" in out) == (0, True)
    assert "feddmf coordinator ledger reset acme --reason" in err
    shutil.copy(tmp_path / "broken" / "interactions.csv", acme)
    assert "goes on from a backup of" in cli.call("audit", "verify", "--folder", acme)[2]

    async def refused_then_let_go_on() -> str:
        async with served(enrolled[0], small_run(2)) as federation:
            federation.submit(quick_run(PARTIES))
            refused = (await federation.nodes(*PARTIES))["acme"]
            assert refused is not None
            assert "told one of 33 before: it was longer" in refused.message
            assert "ledger reset acme" in refused.hint
            reason = ("--reason", "a disk broke", "--folder", enrolled[0].folder.path)
            told = await asyncio.to_thread(cli.data, "coordinator", "ledger", "reset", "acme", *reason)
            assert told["party"] == "acme"
            run = federation.submit(quick_run(PARTIES))
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            assert federation.run(run).state is RunState.FINISHED
            return run

    asyncio.run(refused_then_let_go_on())
    theirs = tmp_path / "about-acme.audit"
    cli.data("audit", "export", "--folder", enrolled[0].folder.path, "--party", "acme", "--out", theirs)
    code, out, err = cli.call("audit", "compare", acme, theirs)
    assert code == 4, err
    assert out.startswith("the two sides differ in 2 places:\n- reset: the coordinator's record ")
    assert "by the word of operator: a disk broke" in out
    # The other is what the coordinator refused.
    assert "- party only: release of run small-3" in out
    for folder in (acme, enrolled[0].folder.path):
        assert cli.call("audit", "verify", "--folder", folder)[0] == 0


def test_a_fork_is_refused_however_long_it_has_grown(tmp_path: Path) -> None:
    """A restored party tells first where it was restored: the coordinator knows another record there."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            acme = PartyFolder(federation.folder("acme"))
            await told(acme)
            parties.back_up(acme, tmp_path / "acme.tar")
            again = PartyFolder(tmp_path / "again")
            await told(acme)
            parties.restore(tmp_path / "acme.tar", again)
            before = federation.enrolled.folder.ledger.read_bytes()
            # Behind `restored` there are more records than the coordinator was ever told.
            for _ in range(5):
                clear_withdrawal(LedgerFile(again.ledger), "small-1", (), reason="")
            with pytest.raises(InputError, match="of 3 records, and told one of 3 before: it was another"):
                await told(again)
            assert federation.enrolled.folder.ledger.read_bytes() == before

    asyncio.run(main())


def test_a_restored_party_that_lost_nothing_goes_on(tmp_path: Path) -> None:
    """Its end at the restore is recorded once, signed, before the next one."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            acme, again = PartyFolder(federation.folder("acme")), PartyFolder(tmp_path / "again")
            await told(acme)
            parties.restore(parties.back_up(acme, tmp_path / "acme.tar").file, again)
            for _ in range(2):
                await told(again)
            lines = map(json.loads, federation.enrolled.folder.ledger.read_text().splitlines())
            heads = [line["length"] for line in lines if line["event"] == "receipt"]
            assert heads == [2, 3, 4, 5]
            assert audit_party(party_papers(again.path)).problems == []
            found = compare(coordinator_papers(federation.enrolled.folder.path), party_papers(again.path))
            assert (found.problems, found.differences) == ((), ())

    asyncio.run(main())


def test_a_party_without_its_ledger_goes_on_once_both_files_are_aside(tmp_path: Path) -> None:
    """The hint says so; the coordinator's word without the ledger stops it, reset or not."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            acme = PartyFolder(federation.folder("acme"))
            await told(acme)
            acme.ledger.unlink()
            with pytest.raises(InputError) as caught:
                await told(acme)
            assert "move the ledger and countersignatures.jsonl aside together" in caught.value.hint
            acme.ledger.unlink()
            acme.countersignatures.rename(tmp_path / "aside")
            with pytest.raises(InputError, match="another one") as caught:
                await told(acme)
            assert "ledger reset acme" in caught.value.hint
            await asyncio.to_thread(let_go_on, federation.enrolled.folder, "acme", reason="a disk")
            await told(acme)
            assert audit_party(party_papers(acme.path)).problems == []

    asyncio.run(main())


async def told(folder: PartyFolder) -> None:
    """Record an offer in acme's ledger, and tell it."""
    view = AcceptedViews(folder.catalogue, "acme").get().view
    async with FederationClient(folder.path, NodeSettings(call_s=10, reconnect_s=5)) as client:
        cleared = clear_offer(LedgerFile(folder.ledger), view, ["acme-000"], where="offer.toml")
        await client.announce_offer(cleared)


def test_a_restored_coordinator_serves_the_same_parties(tmp_path: Path) -> None:
    """A run that it did not know when the backup was made is lost; the next one is not, nor has its id."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            enrolled = federation.enrolled
            first = federation.submit(quick_run(PARTIES))
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            await federation.ended(first)
            made = await asyncio.to_thread(coordinators.back_up, enrolled.folder, tmp_path / "c.tar")
            lost = federation.submit(quick_run(PARTIES))
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            await federation.ended(lost)
        folder = CoordinatorFolder(tmp_path / "elsewhere")
        coordinators.restore(made.file, folder, database=new_url())
        again = EnrolledFederation(folder, folder.load(), enrolled.root_fingerprint, enrolled.parties)
        async with served(again, small_run(2)) as federation:
            assert set(federation.published(first)) == set(PARTIES)
            run = federation.submit(quick_run(PARTIES))
            assert (first, lost, run) == ("small-1", "small-2", "small-1002")
            assert set((await federation.nodes(*PARTIES)).values()) == {None}
            assert federation.run(run).state is RunState.FINISHED
            assert federation.submit(quick_run(PARTIES)) == "small-1003"

    asyncio.run(main())
