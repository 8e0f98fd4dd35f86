"""`feddmf quality report`: figures by peer, a verdict in words, a picture; or why nothing was measured."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf_party.run_folder import RunFolder
from support.cli import Cli, listing
from support.damage import mark
from support.finished import finished_run, hidden_cells, history_run

GOOD = hidden_cells(400, 120, skill=1.0)
CHANCE = hidden_cells(120, 60, skill=0.0)
REPORT = ["quality", "report", "--folder"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with a run in which bolt is good, cargo is not, and bolt tells of user attributes."""
    offered: dict[str, dict[str, float | tuple[float, float, float]]] = {
        "bolt": {
            "pen": 1.0,
            "vip=yes": (0.0, 0.9, 0.01),
            "age=old": (0.0, 0.0, 0.0),
            "tall": (0.0, 0.5, 0.1),
        },
        "cargo": {"cup": 1.0},
    }
    history_run(tmp_path / "runs" / "r-1", {"ann": 1.0}, offered, {"bolt": GOOD, "cargo": CHANCE})
    return tmp_path


def test_a_report_has_every_figure_by_peer(cli: Cli, home: Path) -> None:
    """Intervals hold their figures; parts are of all cells; bands of all items that anybody has."""
    data = cli.data(*REPORT, home)
    assert data["run"] == "r-1"
    bolt, cargo = data["peers"]
    assert [(each["peer"], each["items"]["verdict"]) for each in data["peers"]] == [
        ("bolt", "use"),
        ("cargo", "do not use"),
    ]
    assert cargo["items"]["reasons"][0].startswith("ROC-AUC on hidden items is 0.505")
    figures = bolt["items"]["figures"]
    assert (figures["items"], figures["users"], figures["threshold"]) == (120, 400, 0.5)
    assert figures["positives"] == int(GOOD[1].sum())
    for name in ("roc_auc", "average_precision", "f1"):
        for each in (figures, *bolt["items"]["groups"]):
            assert each[name]["lower"] <= each[name]["value"] <= each[name]["upper"]
    assert sum(part["cells"] for part in figures["calibration"]) == GOOD[0].size
    assert len(figures["calibration"]) == len(figures["calibration_top"]) == 15
    assert figures["brier_skill"] > 0.1
    assert [each["users"] for each in figures["audiences"]] == [4, 8, 20, 40, 80]
    bands = bolt["items"]["groups"]
    with_buyers = np.count_nonzero(GOOD[1].any(axis=0))
    assert sum(band["items"] for band in bands) == with_buyers == 120 - bolt["items"]["items_without_buyers"]
    assert all(one["most_buyers"] < other["fewest_buyers"] for one, other in itertools.pairwise(bands))


def test_bands_and_items_that_nobody_has_add_up(cli: Cli, tmp_path: Path) -> None:
    """Hidden items without buyers are in no band, and a row says how many they are, and why."""
    scores, truth = hidden_cells(400, 60, skill=1.0)
    truth[:, [3, 5, 8]] = False
    history_run(tmp_path / "runs" / "r-1", {"ann": 1.0}, {"bolt": {"pen": 1.0}}, {"bolt": (scores, truth)})
    (bolt,) = cli.data(*REPORT, tmp_path)["peers"]
    without = 60 - np.count_nonzero(truth.any(axis=0))
    assert bolt["items"]["items_without_buyers"] == without >= 3
    assert sum(band["items"] for band in bolt["items"]["groups"]) == 60 - without
    (row,) = [line for line in cli.text(*REPORT, tmp_path).splitlines() if "nobody here" in line]
    assert row.split() == ["nobody", "here:", "nothing", "to", "find", str(without), "-", "-", "-"]


def test_user_attributes_stand_with_what_their_owner_tells(cli: Cli, home: Path) -> None:
    """By column, also those of which too few users were known, and those near chance."""
    (bolt,) = cli.data(*REPORT, home, "--peer", "bolt")["peers"]
    found = [
        (each["key"], each["column"], each["evidence"] and each["evidence"]["verdict"])
        for each in bolt["user_attributes"]
    ]
    assert found == [
        ("vip=yes", "vip", "use"),
        ("age=old", "age", None),
        ("tall", "tall", "do not use"),
    ]


def test_people_get_tables(cli: Cli, home: Path) -> None:
    """Verdict and reasons first; no line is wider than a page where names are short."""
    lines = cli.text(*REPORT, home).splitlines()
    assert lines[0] == "run r-1: predictions for this party's own users, by peer; 90 % intervals in brackets"
    assert "bolt: use" in lines
    assert "cargo: do not use" in lines
    assert f"items that bolt sells, measured on 400 users and {GOOD[1].sum()} pairs" in lines
    assert "the best-scored users of each hidden item" in lines
    assert any(line.startswith("calibration in 15 parts of equal size, mean error 0.0") for line in lines)
    (old,) = (line for line in lines if "age=old" in line)
    assert old.split(maxsplit=4) == ["age", "age=old", "AGE=OLD", "-", "not told: too few users"]
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ({}, "no hidden items in this run; probabilities are in order, not calibrated"),
        ({"cargo": GOOD}, "no hidden items that bolt sells; probabilities are in order, not calibrated"),
    ],
)
def test_a_run_without_hidden_items_says_so(
    cli: Cli, tmp_path: Path, hidden: dict[str, Any], words: str
) -> None:
    """And gives no figure."""
    history_run(tmp_path / "runs" / "r-1", {"ann": 1.0}, {"bolt": {"pen": 1.0}}, hidden)
    (bolt,) = cli.data(*REPORT, tmp_path, "--peer", "bolt")["peers"]
    assert (bolt["items"]["verdict"], bolt["items"]["reasons"]) == ("not measured", [words])
    assert (bolt["items"]["roc_auc"], bolt["items"]["figures"], bolt["items"]["groups"]) == (None, None, [])
    lines = cli.text(*REPORT, tmp_path, "--peer", "bolt").splitlines()
    assert lines[2:] == ["bolt: not measured", f"  {words}"]


def test_another_protocol_says_that_it_hides_nothing(cli: Cli, tmp_path: Path) -> None:
    """The same for a tower of user ids."""
    finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}})
    assert (
        "  no hidden items in this protocol or recipe; scores are in order, no calibrated probabilities"
        in cli.text(*REPORT, tmp_path).splitlines()
    )


def test_a_run_without_a_publication_is_said(cli: Cli, tmp_path: Path) -> None:
    """Nobody to judge."""
    finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {})
    assert cli.text(*REPORT, tmp_path).splitlines()[1:] == ["no peer has published anything"]


def test_the_picture_is_drawn(cli: Cli, home: Path) -> None:
    """A PNG, a row a peer that was measured."""
    pytest.importorskip("matplotlib")
    code, _, err = cli.call(*REPORT, home, "--plot", home / "new" / "q.png")
    assert (code, err) == (0, f"drawn: {home}/new/q.png\n")
    assert (home / "new" / "q.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--peer", "dora"], ["dora is no peer of run r-1", "its peers: bolt, cargo"]),
        (["--run", "nosuch"], ["no finished run 'nosuch'"]),
        (["--plot", "FOLDER/q.pdf"], ["cannot draw", "name a .png file"]),
        (["--plot", "FOLDER/runs/q.png"], ["in one of its own folders", "--plot"]),
    ],
)
def test_a_report_that_cannot_be_made_writes_nothing(
    cli: Cli, home: Path, arguments: list[str], words: list[str]
) -> None:
    """What is wrong and what to do."""
    before = listing(home)
    said = cli.fails(4, *REPORT, home, *(argument.replace("FOLDER", str(home)) for argument in arguments))
    assert all(word in said for word in words), said
    assert listing(home) == before


def test_a_picture_of_nothing_is_refused(cli: Cli, tmp_path: Path) -> None:
    """Without hidden items there is nothing to draw."""
    finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}})
    said = cli.fails(4, *REPORT, tmp_path, "--plot", tmp_path / "q.png")
    assert "nothing was measured that could be drawn" in said


def test_without_matplotlib_the_extra_is_named(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A party that only runs a node has no need of it."""
    monkeypatch.delitem(sys.modules, "feddmf_party.quality_plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = cli.fails(4, *REPORT, home, "--plot", home / "q.png")
    assert "lacks matplotlib, which --plot needs" in said
    assert "pip install 'feddmf[evaluate]'" in said


def test_damaged_evidence_is_named(cli: Cli, home: Path) -> None:
    """An array that does not fit the others, or a file that cannot be read."""
    kept = RunFolder(home / "runs" / "r-1")
    kept.save_model({**kept.load_model(), "hidden.bolt.items": np.arange(3)}, ["ann"])
    assert "the model's hidden items of bolt do not fit" in cli.fails(4, *REPORT, home)
    mark(home / "runs" / "r-1" / "model.safetensors")
    assert "model.safetensors" in cli.fails(4, *REPORT, home)
