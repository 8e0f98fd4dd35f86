"""The demo from start to end."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feddmf.cli.output import say
from feddmf.cli.progress import LiveProgress
from feddmf.errors import InputError
from feddmf.files import write_text
from feddmf.locks import only_one
from feddmf_party.datasets import load_dataset
from feddmf_party.datasets.folders import write_federation
from feddmf_party.datasets.split import split as split_dataset
from feddmf_party.demo.federation import Demo
from feddmf_party.demo.measuring import Measured, measure, overall
from feddmf_party.demo.plots import plot_curves, plot_quality
from feddmf_party.demo.processes import supervised
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import latest_run

__all__ = ["DemoResult", "run_demo"]

_MARK = ".feddmf-demo"


@dataclass(frozen=True)
class DemoResult:
    """The report as it is written, and each party's measurements."""

    report: dict[str, Any]
    parties: dict[str, Measured]
    folder: Path


def run_demo(name: str, folder: Path, *, data_dir: Path | None, seed: int) -> DemoResult:
    """Split data set `name` into two companies, federate them in three processes, measure.

    `folder` is made anew each time; InputError where it is not empty and not a demo's.
    """
    began = time.monotonic()
    with LiveProgress() as progress:
        dataset = load_dataset(name, data_dir, progress=progress)
    _clear(folder)
    with only_one(folder / _MARK, doing="running a demo in"), supervised(folder / "logs") as processes:
        split = split_dataset(dataset.users, dataset.items, dataset.pairs, seed=seed)
        data = write_federation(dataset, split, folder / "data")
        for party, side in split.parties.items():
            say(
                f"{party}: {len(side.users)} users, {len(side.items)} items ({len(split.matched)} matched, "
                f"{len(side.own)} its own), {len(side.train.users)} pairs"
            )
        demo = Demo(folder, processes, data, dataset.value_name)
        fingerprint = demo.found()
        for party in demo.parties:
            demo.enrol(party, fingerprint)
        demo.share_catalogue()
        figures = demo.train()
    say("measuring against the truth that was held back")
    left, right = demo.parties
    parties = {
        party: measure(
            party, peer, split, Predictor(latest_run(folder / party / "runs")), dataset.item_labels
        )
        for party, peer in ((left, right), (right, left))
    }
    report: dict[str, Any] = {
        "dataset": name,
        "overall": overall(parties),
        "parties": {party: dict(each.metrics) for party, each in parties.items()},
        "seconds": round(time.monotonic() - began, 1),
        "rounds": len(figures.rounds),
        "bytes_sent": figures.bytes_sent,
        "training_seconds": round(figures.seconds, 1),
        "seed": seed,
    }
    plot_curves(figures.rounds, folder / "curves.png")
    plot_quality(report["overall"], folder / "quality.png", title=f"{name}: users x the other's own items")
    write_text(folder / "report.json", json.dumps(report, indent=2) + "\n")
    return DemoResult(report, parties, folder)


def _clear(folder: Path) -> None:
    """Remove an earlier demo; anything else is left alone."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder", hint="name another with --out")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise InputError(
                f"{folder} is not empty and no demo made it", hint="name another folder with --out"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
