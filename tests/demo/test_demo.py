"""The demo on real data, and the README's commands on what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from feddmf_party.datasets.location import find_folder
from feddmf_party.datasets.registry import DATASETS
from support.pages import ROOT, shell_blocks

METRICS = {"roc_auc", "user_roc_auc", "average_precision", "f1_at_half", "f1_best"}
SCORERS = {"feddmf", "random", "popularity", "popularity_x_activity"}


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `feddmf` as a user would, in `cwd`."""
    return subprocess.run(
        [sys.executable, "-m", "feddmf", *arguments],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )


def require(dataset: str) -> None:
    """Skip where the data set is not on this machine."""
    if find_folder(DATASETS[dataset]) is None:
        pytest.skip(f"{dataset} is not on this machine (FEDDMF_DATA_DIR, ./data, ~/.cache/feddmf)")


def check_report(report: Mapping[str, Any], dataset: str) -> None:
    """Hold a report against its schema and against what the demo promises."""
    assert report["dataset"] == dataset
    assert set(report["parties"]) == {"north", "south"}
    for scores in (report["overall"], *report["parties"].values()):
        assert set(scores) == SCORERS
        assert all(set(metrics) == METRICS for metrics in scores.values())
    overall = report["overall"]
    for metric in ("roc_auc", "average_precision"):
        assert overall["feddmf"][metric] > overall["popularity"][metric]
    assert overall["feddmf"]["user_roc_auc"] > overall["random"]["user_roc_auc"] + 0.1
    assert report["rounds"] == 43
    assert report["bytes_sent"] > 0
    assert report["seconds"] > 0


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_the_demo_beats_popularity_and_leaves_folders_that_answer(dataset: str, tmp_path: Path) -> None:
    """One command does the main job on real data; afterwards the README's commands work on its folders."""
    require(dataset)
    made = run(["demo", "--dataset", dataset, "--format", "json"], tmp_path)
    assert made.returncode == 0, made.stderr
    out = tmp_path / "out" / "demo"
    report = json.loads((out / "report.json").read_text())
    assert json.loads(made.stdout)["data"] == report
    check_report(report, dataset)
    for picture in ("curves.png", "quality.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    if dataset == "online-retail":
        readme_commands_work(tmp_path)


def readme_commands_work(folder: Path) -> None:
    """Run the README's commands on the demo's folders as they stand."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    commands = [
        line
        for block in shell_blocks(ROOT / "README.md")
        for line in block.splitlines()
        if line.startswith(".venv/bin/feddmf")
    ]
    assert len(commands) >= 5
    for command in commands:
        made = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert made.returncode == 0, (command, made.stderr)


def test_the_demo_replaces_its_own_folder_and_no_other(tmp_path: Path) -> None:
    """A folder that no demo made is left alone, with a clear error."""
    require("ml-latest-small")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    made = run(["demo", "--dataset", "ml-latest-small", "--out", str(mine)], tmp_path)
    assert made.returncode == 4
    assert "no demo made it" in made.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_an_unknown_data_set_is_a_clear_error(tmp_path: Path) -> None:
    """The data sets that exist are named."""
    made = run(["demo", "--dataset", "netflix"], tmp_path)
    assert made.returncode == 4
    assert "ml-latest-small, online-retail" in made.stderr
