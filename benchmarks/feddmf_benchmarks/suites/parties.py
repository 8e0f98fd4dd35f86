"""Many parties in one run, over mutual TLS: what the coordinator holds, and whether it refuses a call."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from feddmf.errors import RunFailed
from feddmf_benchmarks.light_parties import LightParty, take_part
from feddmf_benchmarks.many_parties import Many, serving
from feddmf_benchmarks.row import Row, Scale
from feddmf_benchmarks.watched import Watched
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import RunState, find_run, list_rounds

__all__ = ["Size", "rows", "rows_of"]

_LIMIT_MIB = 4_096.0
_PROCESSES = 4
_LONGEST_S = 7_200.0


@dataclass(frozen=True)
class Size:
    """How many parties share how many items, and for how many exchanges of vectors."""

    parties: int
    items: int
    rounds: int = 3
    columns: int = 32


_SIZES = {Scale.SMALL: Size(8, 2_000), Scale.USUAL: Size(32, 20_000), Scale.FULL: Size(64, 100_000)}


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_SIZES[scale])


def rows_of(size: Size) -> list[Row]:
    """Hold a run of `size`; RunFailed where it does not finish."""
    with tempfile.TemporaryDirectory(prefix="feddmf-bench-") as folder:
        many = Many.found(
            Path(folder), parties=size.parties, items=size.items, columns=size.columns, rounds=size.rounds
        )
        with serving(many) as process, Watched({"coordinator": process}) as watched:
            began = time.monotonic()
            refused = _all_take_part(many)
            seconds = time.monotonic() - began
        peak, took = watched.peaks["coordinator"], _rounds(many)
    what = f"{size.parties} parties x {size.items:,} matched items x {size.columns}"
    return [
        Row(f"{what}: memory", "", None, peak / 1_024, "GiB", peak / _LIMIT_MIB, peak),
        Row(f"{what}: refused", "", None, refused, "calls", None, peak),
        Row(f"{what}: round", "", None, took, "s", None, peak),
        Row(f"{what}: run", "", None, seconds, "s", None, peak),
    ]


def _rounds(many: Many) -> float:
    """Return the mean seconds of a round; RunFailed where the run has not finished."""
    folder = CoordinatorFolder(many.folder)
    with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
        found, done = find_run(connection, many.run), list_rounds(connection, many.run)
    if found.state is not RunState.FINISHED:
        raise RunFailed(f"the run of a benchmark is {found.state.value}: {found.reason}", hint=found.hint)
    return sum(float(each["seconds"]) for each in done) / len(done)


def _all_take_part(many: Many) -> int:
    """Run every party, in a few processes; return how many calls were refused."""
    parties = [LightParty(home, many.sizes[name]) for name, home in many.parties.items()]
    shares = [parties[start::_PROCESSES] for start in range(min(_PROCESSES, len(parties)))]
    with _started(shares, many.run) as pipes:
        told = [_answer(pipe) for pipe in pipes]
    return sum(told)


@contextmanager
def _started(shares: list[list[LightParty]], run: str) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for share in shares:
        ours, theirs = context.Pipe()
        process = context.Process(target=take_part, args=(theirs, share, run), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        yield pipes
    finally:
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()


def _answer(pipe: Connection) -> int:
    try:
        told = pipe.recv() if pipe.poll(_LONGEST_S) else "they did not end in time"
    except EOFError:
        told = "a process of theirs ended"
    if isinstance(told, str):
        raise RunFailed(f"the parties of a benchmark failed: {told}", hint="see the lines above")
    return int(told)
