"""What is kept of a run: whole or not there, private, and refused where it was changed."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from feddmf.catalogue.view import ViewItem
from feddmf.errors import InputError, LocalResourceError
from feddmf.payload import Payload
from feddmf_party.run_folder import OwnItems, RunFolder, latest_run
from support.finished import finished_run, keep_peer, logit_model

USERS = {"ann": 1.0, "bob": -2.0, "müller": 0.5}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return the folder of a finished run."""
    return finished_run(tmp_path / "runs" / "r-1", USERS, {"bolt": {"pen": 1.0, "cup": 2.0}, "cargo": {}})


def test_a_run_comes_back_as_it_was_kept(folder: RunFolder) -> None:
    """Model, user ids, and what each peer published survive the disk."""
    arrays = folder.load_model()
    expected = logit_model(list(USERS.values()))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        name: array.tolist() for name, array in expected.items()
    }
    assert folder.load_user_ids().tolist() == list(USERS)
    bolt, cargo = folder.load_peers()
    assert (bolt.party, bolt.keys, bolt.labels) == ("bolt", ("pen", "cup"), ("PEN", "CUP"))
    assert bolt.vectors.tolist() == [[1], [2]]
    assert (cargo.party, cargo.keys, cargo.vectors.shape) == ("cargo", (), (0, 1))
    assert bolt.quality is None


def test_items_come_back_in_the_order_of_their_codes(tmp_path: Path) -> None:
    """With key, label and the party's own id."""
    folder = RunFolder(tmp_path)
    items = [ViewItem(key=key, label=key.upper(), local_id=f"n-{key}", peers=()) for key in ("b", "a")]
    folder.save_model(logit_model([1.0]), ["ann"], items)
    assert folder.load_items() == OwnItems(("b", "a"), ("B", "A"), ("n-b", "n-a"))


def test_what_a_peer_says_of_its_attributes_is_kept(tmp_path: Path) -> None:
    """Of the rows that the party lacks; an array of another shape is refused."""
    folder, items = RunFolder(tmp_path), [("x", ""), ("mine", ""), ("y", "")]
    vectors, quality = np.eye(3, dtype=np.float32), np.arange(9, dtype=np.float32).reshape(3, 3)
    folder.save_peer("bolt", items, Payload({"vectors": vectors, "quality": quality}), own={"mine"})
    kept = folder.load_peers()[0].quality
    assert kept is not None
    assert kept.tolist() == [[0, 1, 2], [6, 7, 8]]
    folder.save_peer("bolt", items, Payload({"vectors": vectors, "quality": quality[:, :2]}))
    with pytest.raises(InputError, match=r"bolt\.json lists 3 items; what is said of their quality"):
        folder.load_peers()


def test_arrays_are_kept_as_they_are_seen(tmp_path: Path) -> None:
    """An array that lies in memory in another order is kept by its rows and columns."""
    folder = RunFolder(tmp_path)
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    folder.save_model({"a": turned}, [])
    assert folder.load_model()["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    folder.save_peer("bolt", [("x", ""), ("y", ""), ("z", "")], Payload({"vectors": turned}))
    assert folder.load_peers()[0].vectors.tolist() == turned.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_keep_their_precision(tmp_path: Path, dtype: type[np.floating]) -> None:
    """Vectors of either precision come back bit for bit."""
    folder, third = RunFolder(tmp_path), np.full((2, 1), 1 / 3, dtype=dtype)
    folder.save_model({"user_factors": third}, ["ann", "bob"])
    folder.save_peer("bolt", [("x", ""), ("y", "")], Payload({"vectors": third}))
    for found in (folder.load_model()["user_factors"], folder.load_peers()[0].vectors):
        assert found.dtype == dtype
        assert found.tobytes() == third.tobytes()


def test_what_is_about_users_is_private(folder: RunFolder) -> None:
    """Model and user ids can be read by their owner only."""
    for name in ("model.safetensors", "users.parquet", "items.parquet"):
        assert stat.S_IMODE((folder.path / name).stat().st_mode) == 0o600


def test_a_run_is_finished_once_it_says_so(tmp_path: Path) -> None:
    """Everything may be there: without run.json, written last, a run is not finished."""
    folder = RunFolder(tmp_path / "r-1")
    folder.save_model(logit_model([1.0]), ["ann"])
    keep_peer(folder, "bolt", {"pen": 1.0})
    assert not folder.finished
    folder.finish({"run": "r-1"})
    assert folder.finished
    assert folder.summary()["run"] == "r-1"
    folder.clear()
    assert not folder.path.exists()
    folder.clear()


def test_rounds_are_added_line_by_line(tmp_path: Path) -> None:
    """The figures of each round are one line of JSON."""
    folder = RunFolder(tmp_path / "r-1")
    for number in range(2):
        folder.add_round({"number": number, "figures": {"loss": 0.5}})
    lines = (folder.path / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", b"", "cannot read .*model"),
        ("model.safetensors", b"\xff" * 100, "cannot read .*model"),
        ("users.parquet", b"PAR1", "cannot read .*users"),
        ("items.parquet", b"PAR1", "cannot read .*items"),
        ("peers/bolt.safetensors", b"x", "cannot read .*bolt"),
        ("peers/bolt.json", b"[", "cannot read a peer's items .*bolt"),
        ("peers/bolt.json", b"\xff", "cannot read a peer's items .*bolt"),
        ("peers/bolt.json", b"5", r"bolt\.json does not list \(key, label\) pairs"),
        ("peers/bolt.json", b'[["pen"], ["cup"]]', r"bolt\.json does not list"),
        ("peers/bolt.json", b'[["pen", ""]]', r"bolt\.json lists 1 items; the vectors are not theirs"),
        ("run.json", b"{", "cannot read the run"),
        ("run.json", b"[]", r"run\.json is not the end of a run"),
    ],
)
def test_a_file_that_was_changed_is_named(folder: RunFolder, name: str, content: bytes, message: str) -> None:
    """A cut, foreign or edited file is an error with its path, not a traceback and not a wrong answer."""
    (folder.path / name).write_bytes(content)
    loads = {
        "model.safetensors": folder.load_model,
        "users.parquet": folder.load_user_ids,
        "items.parquet": folder.load_items,
        "run.json": folder.summary,
    }
    with pytest.raises(InputError, match=message) as caught:
        loads.get(name, folder.load_peers)()
    assert "run again" in caught.value.hint


def test_a_file_that_is_gone_is_named(folder: RunFolder) -> None:
    """A missing file of a finished run is named."""
    (folder.path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"cannot read .*model\.safetensors"):
        folder.load_model()
    (folder.path / "peers" / "bolt.safetensors").unlink()
    with pytest.raises(InputError, match=r"cannot read .*bolt\.safetensors"):
        folder.load_peers()


def test_a_full_disk_while_keeping_a_model_leaves_the_old_one(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a new model does not fit the old one stays, and nothing half-written lies beside it."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(path.name for path in folder.path.iterdir())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LocalResourceError, match=r"model\.safetensors: No space left"):
        folder.save_model(logit_model([9.0]), ["zoe"])
    assert sorted(path.name for path in folder.path.iterdir()) == before
    assert folder.load_model()["tower.vectors"].tolist() == [[1], [-2], [0.5]]


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    """When the operating system stops a write in the middle of the file the error says what to do."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from feddmf.errors import LocalResourceError
from feddmf_party.run_folder import RunFolder
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
folder = RunFolder(Path(sys.argv[1]))
for save in (
    lambda: folder.save_model({"a": np.zeros((100, 100), np.float32)}, []),
    lambda: folder.save_model({}, [str(number) * 9 for number in range(20_000)]),
):
    try:
        save()
    except LocalResourceError as error:
        print(error.message, error.hint)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert "model.safetensors: File too large free space on that disk" in first
    assert "users.parquet" in second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors"]


def test_the_latest_run_is_the_one_that_finished_last(tmp_path: Path) -> None:
    """Names do not count, nor do runs that have not finished."""
    runs = tmp_path / "runs"
    for name in ("r-9", "r-1"):
        finished_run(runs / name, USERS, {})
    (runs / "r-zzz").mkdir()
    assert latest_run(runs).path.name == "r-1"
    assert latest_run(runs, "r-9").path.name == "r-9"


@pytest.mark.parametrize("run", ["r-2", "r-unfinished", "../runs/r-1", "", ".", ".."])
def test_a_run_that_is_not_there_is_said(tmp_path: Path, run: str) -> None:
    """A run by a name that no finished run has, or by a path, is not found."""
    finished_run(tmp_path / "runs" / "r-1", USERS, {})
    (tmp_path / "runs" / "r-unfinished").mkdir()
    with pytest.raises(InputError, match="this party has no finished run") as caught:
        latest_run(tmp_path / "runs", run)
    assert "feddmf party status" in caught.value.hint


def test_a_party_without_a_run_is_told_how_to_get_one(tmp_path: Path) -> None:
    """Before the first run the error says what to start."""
    with pytest.raises(InputError, match="this party has finished no run yet") as caught:
        latest_run(tmp_path / "runs")
    assert "feddmf party start" in caught.value.hint


def test_rounds_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Without a line that was cut, or one that says nothing of a round; none where nothing was written."""
    folder = RunFolder(tmp_path / "r")
    assert folder.rounds() == ()
    told = [{"phase": "align", "number": number, "figures": {"loss": 0.5}} for number in (1, 2)]
    for each in told:
        folder.add_round(each)
    with (folder.path / "rounds.jsonl").open("a") as file:
        file.write('[]\n{"phase": "align"}\n{"phase": "al')
    assert folder.rounds() == tuple(told)
