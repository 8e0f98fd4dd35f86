"""A disk that fills in the middle of a run, files that are lost or torn: it is said, and no more is lost."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feddmf import files
from feddmf.members.base import Reply
from feddmf_coordinator.store.runs import RunState
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.folder import PartyFolder
from feddmf_party.node import Node
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.damage import cut
from support.enrolment import until
from support.federation import LiveFederation, Watch, bytes_kept, founded, live, quick_run, served
from support.runs import small_run

PARTIES = ("acme", "bolt")
SETTINGS = quick_run(PARTIES, training={"epochs": 20})
# Looked at while the run is under way.
EARLY, FULL_S = 5, 2.5
NODE = {"beat_s": 0.1, "call_s": 10, "reconnect_s": 30, "checkpoint_s": 0}


def quiet(path: Path) -> dict[str, dict[str, bytes]]:
    """Return what each party keeps of the run where nothing happens."""
    folders = {party: path / party for party in PARTIES}
    kept = simulate_folders(SETTINGS, small_run(2).catalogue, folders, path / "out")
    return {party: bytes_kept(folder) for party, folder in kept.items()}


async def finished(
    federation: LiveFederation, fill: Callable[[], object], empty: Callable[[], object]
) -> dict[str, dict[str, bytes]]:
    """Play the run while a disk is full for a while; return what each party keeps."""
    watch, run = Watch(), federation.submit(SETTINGS)

    async def disturb() -> None:
        await until(lambda: watch.count("round_done") >= EARLY, within_s=60)
        fill()
        try:
            await asyncio.sleep(FULL_S)
            assert federation.run(run).state is RunState.RUNNING
        finally:
            empty()

    async with asyncio.timeout(120):
        ends = await asyncio.gather(
            federation.node("acme", watch), federation.node("bolt"), asyncio.shield(disturb())
        )
    assert ends == [None, None, None], ends
    kept = {party: RunFolder(federation.folder(party) / "runs" / run) for party in PARTIES}
    return {party: bytes_kept(folder) for party, folder in kept.items()}


@pytest.mark.parametrize("who", ["acme", "coordinator"])
def test_checkpoints_that_the_disk_refuses_for_a_while_are_kept_later(
    tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At a party and at the coordinator: the run waits, says why, and goes on once there is room."""
    fsync, full = files._fsync, []

    def refuse(path: Path) -> None:
        if full and path.is_relative_to(tmp_path / who) and {"checkpoint", "rounds"} & set(path.parts):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(path)

    monkeypatch.setattr(files, "_fsync", refuse)

    async def main() -> dict[str, dict[str, bytes]]:
        async with live(tmp_path, **NODE) as federation:
            return await finished(federation, lambda: full.append(1), full.clear)

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(main()) == quiet(tmp_path)
    assert "No space left on device" in caplog.text


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """Mount a small file system at a new folder for a block; skip the test where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    path.mkdir()
    where = os.fsencode(path)
    if libc.mount(b"tmpfs", where, b"tmpfs", 0, b"size=64m") != 0:
        pytest.skip(f"cannot mount a file system: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        # Also where something still has a file open.
        assert libc.umount2(where, 2) == 0


def fill_up(folder: Path) -> Path:
    """Write a file until nothing more fits; return it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return ballast


@pytest.mark.parametrize("who", ["acme", "coordinator"])
def test_a_disk_that_is_full_for_a_while_holds_the_run_up(
    tmp_path: Path, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ledger, database, rounds and checkpoints on a file system of their own, which fills in the middle."""
    ballast: list[Path] = []

    async def main() -> dict[str, dict[str, bytes]]:
        async with live(tmp_path, **NODE) as federation:
            return await finished(
                federation,
                lambda: ballast.append(fill_up(tmp_path / who)),
                lambda: [each.unlink() for each in ballast],
            )

    with small_disk(tmp_path / who), caplog.at_level(logging.WARNING):
        assert asyncio.run(main()) == quiet(tmp_path)
    assert "No space left on device" in caplog.text or "disk is full" in caplog.text


def interrupted(
    path: Path, stopping: Callable[[Watch], bool], damage: Callable[[Path], object]
) -> tuple[str | None, bool]:
    """Stop acme in mid-run, damage what it keeps, go on; return its error, and whether bytes are right.

    stopping: whether it is time, by what acme was seen to do; damage: is given the folder of its checkpoint.
    """
    enrolled = founded(path, small_run(2), node={**NODE, "checkpoint_s": 3600})

    async def main() -> tuple[str | None, str]:
        async with served(enrolled, small_run(2)) as federation:
            run, watch = federation.submit(SETTINGS), Watch()
            other = asyncio.create_task(federation.node("bolt"))
            node = Node(PartyFolder(federation.folder("acme")), watch.events())
            first = asyncio.create_task(node.work())
            await until(lambda: stopping(watch), within_s=60)
            first.cancel()
            damage(federation.folder("acme") / "runs" / run / "checkpoint")
            await asyncio.gather(first, return_exceptions=True)
            error = await federation.node("acme")
            await other
            return (None if error is None else f"{error}"), run

    error, run = asyncio.run(main())
    if error is not None:
        return error, False
    return None, bytes_kept(RunFolder(path / "acme" / "runs" / run)) == quiet(path)["acme"]


def test_a_last_reply_that_is_lost_is_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The coordinator has it still; a write that was cut short lies beside and counts for nothing."""
    keep, writing, ended = Checkpoints.keep_reply, threading.Event(), threading.Event()

    def cut_short(self: Checkpoints, position: int, reply: Reply) -> None:
        if position == EARLY and "acme" in self._path.parts and not writing.is_set():
            writing.set()
            ended.wait(60)
            return
        keep(self, position, reply)

    def damage(checkpoint: Path) -> None:
        (checkpoint / f".reply-{EARLY:06d}.checked.torn.part").write_bytes(b"half")
        ended.set()

    monkeypatch.setattr(Checkpoints, "keep_reply", cut_short)
    assert interrupted(tmp_path, lambda _: writing.is_set(), damage) == (None, True)


def test_a_reply_that_is_torn_is_named(tmp_path: Path) -> None:
    """No vector is trained on half a reply: the file is named, with what to do."""
    error, _ = interrupted(
        tmp_path,
        lambda watch: watch.count("round_done") >= EARLY,
        lambda checkpoint: cut(checkpoint / "reply-000002.checked"),
    )
    assert error is not None
    assert "reply-" in error
    assert "is damaged" in error
