"""The users' half of a first layer on disk: as it was computed, private, and refused where it is not ours."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from feddmf import projections
from feddmf.errors import InputError
from feddmf.projections import Projection
from feddmf_party.prediction import Predictor
from feddmf_party.projections_file import map_projections, save_projections
from support.finished import finished_run, history_run

VECTORS = np.arange(22, dtype=np.float32).reshape(11, 2)
PROJECTION = Projection(VECTORS, np.eye(3, 2, dtype=np.float32), np.ones(3, dtype=np.float32))
EXPECTED = np.column_stack([VECTORS + 1, np.ones(11)])


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of projections, written in blocks that do not divide the users."""
    monkeypatch.setattr(projections, "_STEP", 4)
    save_projections(tmp_path / "kept.safetensors", PROJECTION)
    return tmp_path / "kept.safetensors"


def test_what_was_kept_comes_back(path: Path) -> None:
    """Bit for bit, by any reader of such files; rows begin with a page, and only their owner reads them."""
    found = map_projections(path, PROJECTION, hint="again")
    assert found is not None
    assert (found.dtype, found.tolist()) == (np.dtype(np.float32), EXPECTED.tolist())
    assert found.ctypes.data % 4096 == 0
    assert load_file(path)["projected"].tolist() == EXPECTED.tolist()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_written_to_the_file(path: Path) -> None:
    """What is mapped is the process's own."""
    found = map_projections(path, PROJECTION, hint="again")
    assert found is not None
    found[:] = 0
    assert load_file(path)["projected"].tolist() == EXPECTED.tolist()


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    """As in folders of runs before it was kept."""
    assert map_projections(tmp_path / "kept.safetensors", PROJECTION, hint="again") is None


def test_nobody_has_projections_too(tmp_path: Path) -> None:
    """A run without users has a file without rows."""
    nobody = Projection(VECTORS[:0], PROJECTION.weight, PROJECTION.bias)
    save_projections(tmp_path / "kept.safetensors", nobody)
    found = map_projections(tmp_path / "kept.safetensors", nobody, hint="again")
    assert found is not None
    assert found.shape == (0, 3)


def test_a_file_of_another_model_is_refused(path: Path) -> None:
    """By its shape, its name, its precision, or its rows."""
    others = [
        Projection(VECTORS[:5], PROJECTION.weight, PROJECTION.bias),
        Projection(VECTORS[::-1], PROJECTION.weight, PROJECTION.bias),
        Projection(VECTORS, PROJECTION.weight, PROJECTION.bias + 1),
    ]
    for other in others:
        with pytest.raises(InputError, match=r"kept\.safetensors is not of the model beside it") as caught:
            map_projections(path, other, hint="again")
        assert caught.value.hint == "again"
    save_file({"projected": EXPECTED}, path)
    with pytest.raises(InputError, match="is not of the model"):
        map_projections(path, PROJECTION, hint="again")
    save_file({"other": EXPECTED}, path)
    with pytest.raises(InputError, match=r"cannot read .*kept"):
        map_projections(path, PROJECTION, hint="again")


@pytest.mark.parametrize("size", [0, 5, 100, 4096, 4100])
def test_a_torn_file_is_refused(path: Path, size: int) -> None:
    """Wherever it was cut."""
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"cannot read .*kept"):
        map_projections(path, PROJECTION, hint="again")


def test_a_run_keeps_them_beside_its_model(tmp_path: Path) -> None:
    """Queries use them; without the file, as in older runs, they say the same; histories have none."""
    users = {f"u{number}": number / 7 for number in range(9)}
    folder = finished_run(tmp_path / "r-1", users, {"bolt": {"pen": 1.0, "cup": -2.0}})
    kept = folder.path / "projections.safetensors"
    first = Predictor(folder)
    assert first._scorer.projected.shape == (9, 2)  # type: ignore[attr-defined]
    (expected,) = first.predict(first.attributes())
    kept.unlink()
    older = Predictor(folder)
    assert older._scorer.projected is None  # type: ignore[attr-defined]
    (block,) = older.predict(older.attributes())
    assert np.array_equal(block.probabilities, expected.probabilities)
    kept.write_bytes(json.dumps({}).encode())
    with pytest.raises(InputError, match=r"projections\.safetensors"):
        Predictor(folder)
    histories = history_run(tmp_path / "r-2", {"u": 1.0}, {"bolt": {"pen": 1.0}}, {})
    assert not (histories.path / "projections.safetensors").exists()
