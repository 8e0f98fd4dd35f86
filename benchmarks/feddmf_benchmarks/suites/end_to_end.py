"""A whole run of two parties over mutual TLS, against the same two processes training alone."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from feddmf.catalogue.table import parse_catalogue
from feddmf.errors import RunFailed
from feddmf.plan import Plan
from feddmf.runfile import load_run
from feddmf_benchmarks.baselines.alone import CATALOGUE, PLAN, record
from feddmf_benchmarks.generated import Size, write_generated
from feddmf_benchmarks.row import Row, Scale
from feddmf_benchmarks.watched import Watched
from feddmf_party.datasets import load_dataset
from feddmf_party.datasets.folders import FederationFolder, write_federation
from feddmf_party.datasets.split import split
from feddmf_party.demo.federation import Demo
from feddmf_party.demo.processes import supervised

__all__ = ["rows"]

_REAL = "ml-latest-small"
_RUN_FILE = """\
name = "end to end"
purpose = "Measure what federating costs."
parties = ["north", "south"]

[enforcement]
not_following = "report"
probe_floor = -1.0

[waits]
join_s = 3600
round_s = 3600
publish_s = 3600
"""
_LONGEST_S = 3600


@dataclass(frozen=True)
class _Case:
    name: str
    size: Size | None  # None for real data
    turns: int


_CASES = {
    Scale.SMALL: (_Case("400 users x 200 items", Size(400, 200, 8_000), 1),),
    Scale.USUAL: (
        _Case("10,000 users x 4,000 items x 1M pairs", Size(10_000, 4_000, 1_000_000), 3),
        _Case(_REAL, None, 3),
    ),
    Scale.FULL: (
        _Case("100,000 users x 20,000 items x 10M pairs", Size(100_000, 20_000, 10_000_000), 3),
        _Case(_REAL, None, 5),
    ),
}


@dataclass(frozen=True)
class _Turn:
    """peak_mib: of the party that held most; coordinator_mib: of the coordinator, 0 where there is none.

    waiting: seconds that processes alone would take longer if they waited for one another at each exchange.
    """

    seconds: float
    rounds: int
    peak_mib: float
    coordinator_mib: float = 0.0
    waiting: float = 0.0


def rows(scale: Scale) -> list[Row]:
    """Return for each case the seconds of both, and what a round costs beyond training."""
    return [row for case in _CASES[scale] for row in _measured(case)]


def _measured(case: _Case) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="feddmf-bench-") as made:
        folder = Path(made)
        data = _data(case, folder / "data")
        with supervised(folder / "logs") as processes:
            demo = Demo(folder, processes, data)
            demo.run_file.write_text(_RUN_FILE, encoding="utf-8")
            fingerprint = demo.found()
            for party in demo.parties:
                demo.enrol(party, fingerprint)
            demo.share_catalogue()
            together, alone = [], []
            for turn in range(case.turns):
                together.append(_federated(demo))
                if not turn:
                    _record(demo, folder / "alone")
                alone.append(_alone(demo, folder / "alone"))
    seconds = statistics.median(each.seconds for each in together)
    baseline = statistics.median(each.seconds for each in alone)
    rounds = together[0].rounds
    beyond = (seconds - baseline) / rounds * 1e3
    waiting = statistics.median(each.waiting for each in alone) / rounds * 1e3
    peaks = [max(each.peak_mib for each in turns) for turns in (together, alone)]
    coordinator = max(each.coordinator_mib for each in together)
    name, versus = f"{case.name}: federated", f"{case.name}: the same processes alone"
    return [
        Row(name, versus, baseline / seconds, seconds, "s", None, peaks[0]),
        Row(f"{case.name}: a round beyond training", "", None, beyond, "ms", None, peaks[0]),
        Row(f"{case.name}: of which any barrier costs", "", None, waiting, "ms", None, peaks[1]),
        Row(f"{case.name}: the coordinator's memory", "", None, coordinator, "MiB", None, coordinator),
        Row(versus, "", None, baseline, "s", None, peaks[1]),
    ]


def _data(case: _Case, folder: Path) -> FederationFolder:
    if case.size is not None:
        return write_generated(case.size, folder)
    dataset = load_dataset(_REAL, None)
    return write_federation(dataset, split(dataset.users, dataset.items, dataset.pairs, seed=0), folder)


def _federated(demo: Demo) -> _Turn:
    """Take both nodes through a run; count from the moment in which all have joined to the last reply."""
    with Watched(demo.processes.beside) as watched:
        figures = demo.train()
    seconds = sum(float(each["seconds"]) for each in figures.rounds)
    parties = max(watched.peaks[party] for party in demo.parties)
    return _Turn(seconds, len(figures.rounds), parties, watched.peaks["coordinator"])


def _record(demo: Demo, out: Path) -> None:
    """Write the plan, the catalogue and what each party is told."""
    out.mkdir()
    shutil.copyfile(demo.data.catalogue, out / CATALOGUE)
    text = (out / CATALOGUE).read_text(encoding="utf-8")
    catalogue = parse_catalogue(text, version=1, where=CATALOGUE)
    plan = Plan(run="alone", catalogue=catalogue.digest(), settings=load_run(demo.run_file))
    (out / PLAN).write_text(plan.model_dump_json(), encoding="utf-8")
    record(plan, catalogue, {party: demo.folder / party for party in demo.parties}, out)


def _alone(demo: Demo, given: Path) -> _Turn:
    """Let both parties train at the same time, each in a process of its own; the slower one counts."""
    command = [sys.executable, "-m", "feddmf_benchmarks.baselines.alone"]
    processes = [
        subprocess.Popen(
            [*command, str(demo.folder / party), party, str(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        for party in demo.parties
    ]
    try:
        for process in processes:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise RunFailed("a party alone did not start", hint="see the lines above")
        for process in processes:
            if process.stdin is not None:
                process.stdin.write(b"go\n")
                process.stdin.close()
                process.stdin = None
        said = [json.loads(process.communicate(timeout=_LONGEST_S)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
    seconds, peak = (max(each[figure] for each in said) for figure in ("seconds", "peak_mib"))
    slowest = (max(spans) for spans in zip(*(each["spans"] for each in said), strict=True))
    return _Turn(seconds, 0, peak, waiting=sum(slowest) - max(sum(each["spans"]) for each in said))
