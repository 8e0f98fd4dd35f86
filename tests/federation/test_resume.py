"""A node that is killed in the middle of a run and started again goes on, and ends with the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feddmf.payload import ReleaseKind
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.federation import WAITS, bytes_kept, founded, quick_run, submit
from support.processes import feddmf, started
from support.runs import small_run

PARTIES = ("acme", "bolt")
# Rounds enough to be killed in the middle of, each of them short.
LONG: dict[str, Any] = {
    "training": {"epochs": 3_000, "batch_size": 512},
    "alignment": {"syncs_per_epoch": 1, "max_rounds": 100},
}
HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 8},
    "training": {"epochs": 1_000, "batch_size": 4, "max_steps": 10_000},
    "alignment": {"method": "tie", "max_rounds": 40, "hidden_share": 0.2},
}


# Sums under masks, whose keys nobody can draw again.
MASKED: dict[str, Any] = {
    "protocol": "fedavg",
    "masks": True,
    "training": {"epochs": 3_000, "batch_size": 512},
    "fedavg": {"syncs_per_epoch": 1, "max_rounds": 100},
}

POLICY = f"""
protocols = ["feddmf", "fedavg"]
release_kinds = {json.dumps([kind.value for kind in ReleaseKind])}
"""


@pytest.mark.parametrize(
    ("sections", "checkpoint_s"),
    [(LONG, 3600.0), (HISTORY, 0.0), (MASKED, 3600.0)],
    ids=["id, replies", "history, states", "masked"],
)
def test_a_killed_party_that_comes_back_ends_with_the_samebytes_kept(
    tmp_path: Path, sections: dict[str, Any], checkpoint_s: float
) -> None:
    """With its state kept at every round, with the replies alone, and under masks; killed twice."""
    small = small_run(2)
    enrolled = founded(
        tmp_path, small, node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5, "checkpoint_s": checkpoint_s}
    )
    for folder in enrolled.parties.values():
        (folder / "policy.toml").write_text(POLICY)
    settings = quick_run(PARTIES, waits={**WAITS, "absent_s": 20}, **sections)
    coordinator = str(enrolled.folder.path)
    node = ("party", "start", "--once", "--folder")
    home = {party: str(enrolled.parties[party]) for party in PARTIES}
    with started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving:
        serving.until("is served at")
        with started(tmp_path, "acme-log", *node, home["acme"]) as acme:
            with started(tmp_path, "bolt-log", *node, home["bolt"]) as bolt:
                run = submit(enrolled, settings)
                bolt.until("  loss ")
                bolt.kill()
            with started(tmp_path, "bolt-2", *node, home["bolt"]) as bolt:
                bolt.until(f"goes on with run {run}")
                bolt.until("  loss ")
                bolt.kill()
            with started(tmp_path, "bolt-3", *node, home["bolt"]) as bolt:
                assert (acme.code(within_s=60), bolt.code(within_s=60)) == (0, 0), acme.said + bolt.said
        assert serving.terminate() == 0
    folders = {party: Path(home[party]) for party in PARTIES}
    kept = simulate_folders(settings, small.catalogue, folders, tmp_path / "out")
    for party, folder in folders.items():
        served = RunFolder(folder / "runs" / run)
        assert bytes_kept(served) == bytes_kept(kept[party])
        assert not (served.path / "checkpoint").exists()


def test_a_run_that_ended_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    """A party that comes back too late is told why the run failed, and waits for the next one."""
    enrolled = founded(tmp_path, small_run(2), node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5})
    coordinator = str(enrolled.folder.path)
    settings = quick_run(PARTIES, waits={**WAITS, "absent_s": 2}, **LONG)
    home = {party: str(enrolled.parties[party]) for party in PARTIES}
    with started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving:
        serving.until("is served at")
        with started(tmp_path, "acme-log", "party", "start", "--once", "--folder", home["acme"]) as acme:
            with started(tmp_path, "bolt-log", "party", "start", "--folder", home["bolt"]) as bolt:
                run = submit(enrolled, settings)
                bolt.until("  loss ")
                bolt.kill()
            assert acme.code() == 1
        late = feddmf("party", "start", "--once", "--wait", "2", "--folder", home["bolt"])
        assert serving.terminate() == 0
    assert late.returncode == 3, late.stderr
    assert f"run {run} failed" in late.stderr
    assert not list((enrolled.parties["bolt"] / "runs").glob("*/checkpoint"))


def test_a_table_that_changed_ends_the_run(tmp_path: Path) -> None:
    """What was sent came from another table, so that going on would mix the two: the run is left."""
    enrolled = founded(tmp_path, small_run(2), node={"beat_s": 0.2, "call_s": 5, "reconnect_s": 5})
    coordinator = str(enrolled.folder.path)
    settings = quick_run(PARTIES, waits={**WAITS, "absent_s": 20}, **LONG)
    home = {party: str(enrolled.parties[party]) for party in PARTIES}
    table = enrolled.parties["bolt"] / "interactions.csv"
    with started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving:
        serving.until("is served at")
        with started(tmp_path, "acme-log", "party", "start", "--once", "--folder", home["acme"]) as acme:
            with started(tmp_path, "bolt-log", "party", "start", "--folder", home["bolt"]) as bolt:
                run = submit(enrolled, settings)
                bolt.until("  loss ")
                bolt.kill()
            lines = table.read_text().splitlines()
            table.write_text("\n".join(lines[:-1]) + "\n")
            late = feddmf("party", "start", "--once", "--folder", home["bolt"])
            assert acme.code() == 1
        assert serving.terminate() == 0
    assert late.returncode == 1, late.stderr
    assert f"goes on with run {run}" in late.stderr
    assert "the table of interactions or the plan is not what it was" in late.stderr
