"""What changed between two runs: attributes that came, went, changed their verdict or their ROC-AUC."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.changes import changes_between, run_before
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from support.finished import hidden_cells, history_run

USERS = {"ann": 1.0, "bob": -2.0}


def questions(runs: Path, run: str, gold: float, *, skill: float, **items: float) -> Questions:
    """Return questions to a run with a user attribute of ROC-AUC `gold`, and items with hidden evidence."""
    peers = {"bolt": {**items, "gold=yes": (0.3, gold, 0.01)}}
    kept = history_run(runs / run, USERS, peers, {"bolt": hidden_cells(60, 40, skill=skill)})
    return Questions(kept)


def test_what_came_went_and_changed_is_told_by_attribute(tmp_path: Path) -> None:
    """With verdict and ROC-AUC of both runs; what chance may explain is none."""
    before = questions(tmp_path, "r-1", 0.9, skill=1.0, pen=1.0, cup=0.5)
    after = questions(tmp_path, "r-2", 0.8, skill=0.0, pen=1.0, ink=0.5)
    found = changes_between(before, after)
    assert (found.before, found.after, found.same) == ("r-1", "r-2", 0)
    assert [(each.key, each.before) for each in found.came] == [("ink", None)]
    assert [(each.key, each.why) for each in found.went] == [("cup", "nobody published it in the later run")]
    told = {each.key: (each.before and each.before.verdict, each.after.verdict, each.roc_auc)
            for each in found.changed}  # fmt: skip
    assert told["pen"] == ("use", "do not use", "lower")
    assert told["gold=yes"][2] == "lower"
    assert json.loads(json.dumps(found.as_dict()))["changed"][0]["before"]["roc_auc"]["value"] > 0
    back = changes_between(after, before)
    assert {each.key: each.roc_auc for each in back.changed} == {"pen": "higher", "gold=yes": "higher"}


def test_from_a_run_to_itself_nothing_changes(tmp_path: Path) -> None:
    """Everything is the same."""
    only = questions(tmp_path, "r-1", 0.9, skill=1.0, pen=1.0)
    found = changes_between(only, only)
    assert (found.came, found.went, found.changed, found.same) == ((), (), (), 2)


def test_a_difference_within_the_intervals_is_no_change(tmp_path: Path) -> None:
    """As long as the verdict stays."""
    before = questions(tmp_path, "r-1", 0.900, skill=1.0, pen=1.0)
    after = questions(tmp_path, "r-2", 0.905, skill=1.0, pen=1.0)
    assert changes_between(before, after).changed == ()


def test_what_the_party_sells_itself_now_is_said(tmp_path: Path) -> None:
    """The later run's own items are own-0 and own-1."""
    before = questions(tmp_path, "r-1", 0.9, skill=1.0, **{"own-0": 1.0, "pen": 1.0})
    after = questions(tmp_path, "r-2", 0.9, skill=1.0, pen=1.0)
    assert [each.why for each in changes_between(before, after).went] == ["this party sells it itself now"]


def test_the_run_before_is_the_one_that_finished_last_before_it(tmp_path: Path) -> None:
    """By time, not by name; the first has none."""
    for number, run in enumerate(("b", "c", "a")):
        questions(tmp_path, run, 0.9, skill=1.0, pen=1.0)
        path = tmp_path / run / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "finished_at": f"2026-01-0{number + 1}"}))
    assert run_before(tmp_path, RunFolder(tmp_path / "a")).path.name == "c"
    assert run_before(tmp_path, RunFolder(tmp_path / "c")).path.name == "b"
    with pytest.raises(InputError, match="no run finished before b"):
        run_before(tmp_path, RunFolder(tmp_path / "b"))
