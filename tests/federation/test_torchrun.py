"""A party of two processes that torchrun has started: a crash of one is gone on from, bit for bit."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feddmf_coordinator.store.runs import ask_to_stop
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.run_folder import RunFolder
from support.federation import WAITS, founded, quick_run, submit
from support.ports import free_ports
from support.processes import Running, started, wait_until
from support.runs import small_run

PARTIES = ("acme", "bolt")
HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 8},
    "training": {"epochs": 400, "batch_size": 4, "max_steps": 2_000},
    "alignment": {"method": "tie", "max_rounds": 20, "hidden_share": 0.2},
}
PRIVATE: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 8},
    "training": {"epochs": 5, "batch_size": 20},
    "alignment": {"method": "tie", "max_rounds": 3, "hidden_share": 0.2},
    "linear_rank": 4,
}
EMBEDDING: dict[str, Any] = {
    "recipe": "embedding",
    "training": {"epochs": 40, "batch_size": 8},
    "alignment": {"max_rounds": 40, "syncs_per_epoch": 1},
}


def torchrun(*options: str) -> list[str]:
    """Return the command that starts two processes of feddmf."""
    (port,) = free_ports(1)
    address = ("--master-addr", "127.0.0.1", "--master-port", str(port))
    module = [sys.executable, "-m", "torch.distributed.run"]
    return [*module, "--nproc-per-node", "2", *address, *options, "-m", "feddmf"]


@contextlib.contextmanager
def launched(folder: Path, name: str, *arguments: str, command: list[str]) -> Iterator[Running]:
    """Start torchrun; it ends the processes that it has started, whatever happens in the block."""
    with started(folder, name, *arguments, command=command) as agent:
        try:
            yield agent
        finally:
            if agent.process.poll() is None:
                agent.terminate(within_s=10)


def rank_of(agent: Running, rank: int) -> int:
    """Return the process id of a rank that torchrun's `agent` has started."""
    pid = agent.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{child}/environ").read_bytes():
            return int(child)
    raise AssertionError(f"no rank {rank} among the processes {children}")


def kept_bytes(folder: Path, run: str) -> dict[str, bytes]:
    """Return all that a party keeps of a finished run."""
    kept = RunFolder(folder / "runs" / run)
    model = {name: array.tobytes() for name, array in kept.load_model().items()}
    return model | {f"{peer.party} vectors": peer.vectors.tobytes() for peer in kept.load_peers()}


@pytest.mark.parametrize("recipe", [HISTORY, EMBEDDING], ids=["history", "embedding"])
def test_a_rank_that_crashes_is_gone_on_from_with_the_same_bytes(
    tmp_path: Path, recipe: dict[str, Any]
) -> None:
    """Two runs alike, one with a rank killed on the way, after one that was stopped; SIGTERM ends both."""
    enrolled = founded(
        tmp_path,
        small_run(2),
        node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5, "checkpoint_s": 0.0},
    )
    settings = quick_run(PARTIES, waits={**WAITS, "absent_s": 40, "round_s": 60}, **recipe)
    home = {party: enrolled.parties[party] for party in PARTIES}
    node = ("party", "start", "--folder")
    coordinator = str(enrolled.folder.path)
    command = torchrun("--max-restarts", "3")
    with (
        started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving,
        launched(tmp_path, "acme-log", *node, str(home["acme"]), command=command) as acme,
        started(tmp_path, "bolt-log", *node, str(home["bolt"])) as bolt,
    ):
        serving.until("is served at")
        stopped = submit(enrolled, settings)
        acme.until("  loss ", within_s=60)
        with enrolled.open_database() as database, database.begin() as connection:
            ask_to_stop(connection, stopped)
        acme.until(f"run {stopped} failed")
        whole = submit(enrolled, settings)
        acme.until(f"run {whole} is finished", within_s=60)
        broken = submit(enrolled, settings)
        acme.until(f"joins run {broken}")
        before = acme.said.count("  loss ")
        wait_until(lambda: acme.said.count("  loss ") > before + 2, 20)
        os.kill(rank_of(acme, 1), signal.SIGKILL)
        acme.until(f"goes on with run {broken}", within_s=60)
        acme.until(f"run {broken} is finished", within_s=60)
        bolt.until(f"run {broken} is finished")
        first = rank_of(acme, 0)
        acme.terminate(within_s=10)
        assert not Path(f"/proc/{first}").exists()
    for party in PARTIES:
        assert kept_bytes(home[party], whole) == kept_bytes(home[party], broken)
    assert not list(home["acme"].glob("runs/*/checkpoint"))


def test_a_private_run_is_charged_and_drawn_once_by_several_processes(tmp_path: Path) -> None:
    """The first process makes and trains all of it, the other waits; then both go on with the next run."""
    enrolled = founded(
        tmp_path, small_run(2), node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5, "checkpoint_s": 0.0}
    )
    home = {party: enrolled.parties[party] for party in PARTIES}
    for folder in home.values():
        (folder / "policy.toml").write_text('[privacy]\noverride_by = "Ann Example"\nlifetime_epsilon = 9\n')
    waits = {**WAITS, "join_s": 120, "absent_s": 40, "round_s": 60}
    private = quick_run(PARTIES, waits=waits, privacy={"mode": "gram"}, **PRIVATE)
    node = ("party", "start", "--folder")
    coordinator = str(enrolled.folder.path)
    with (
        started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving,
        launched(tmp_path, "acme-log", *node, str(home["acme"]), command=torchrun()) as acme,
        started(tmp_path, "bolt-log", *node, str(home["bolt"])) as bolt,
    ):
        serving.until("is served at")
        for _ in range(2):
            run = submit(enrolled, private)
            acme.until(f"run {run} is finished", within_s=180)
            bolt.until(f"run {run} is finished", within_s=60)
            records = [
                each for each in LedgerFile(home["acme"] / "ledger.jsonl").records() if each.get("run") == run
            ]
            events = [each["event"] for each in records]
            assert events[:3] == ["join", "charge", "private_release"]
            assert set(events[3:]) == {"release"}
            assert kept_bytes(home["acme"], run)
        acme.terminate(within_s=10)
