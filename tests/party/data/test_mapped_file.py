"""Arrays in a file that is mapped into memory, and files that are no such thing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from feddmf_party.data.mapped_file import map_arrays, write_arrays

ARRAYS = {
    "flags": np.array([[True], [False], [True]]),
    "long": np.arange(3, dtype=np.int64),
    "short": np.arange(5, dtype=np.int32),
    "real": np.array([0.5, 1e30], dtype=np.float32),
    "none": np.empty(0, dtype=np.uint8),
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write the arrays."""
    path = tmp_path / "a" / "table.safetensors"
    write_arrays(path, ARRAYS, {"name": "é"})
    return path


def test_arrays_come_back(written: Path) -> None:
    """Values, types and shapes are those written, safetensors reads them too, and only the owner may."""
    arrays, metadata = map_arrays(written)
    assert metadata == {"name": "é"}
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        for found in (arrays[name], load_file(written)[name]):
            assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_what_is_written_to_an_array_stays_in_memory(written: Path) -> None:
    """The arrays are the caller's own; the file does not change, and may go."""
    arrays, _ = map_arrays(written)
    arrays["long"][1] = 7
    assert map_arrays(written)[0]["long"].tolist() == [0, 1, 2]
    written.unlink()
    assert arrays["long"].tolist() == [0, 7, 2]


def test_a_torn_file_is_refused(written: Path) -> None:
    """However a file is cut or lengthened, it is not taken for whole."""
    whole = written.read_bytes()
    for torn in [*(whole[:end] for end in range(len(whole))), whole + b"x", b"x" * 100]:
        written.write_bytes(torn)
        with pytest.raises(ValueError):
            map_arrays(written)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {"dtype": "I64", "shape": [1]}},
        {"a": {"dtype": "F16", "shape": [], "data_offsets": [0, 8]}},
        {"a": {"dtype": "I64", "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "I32", "shape": [1], "data_offsets": [4, 8]}},
    ],
)
def test_another_header_is_refused(tmp_path: Path, header: object) -> None:
    """JSON that is not of these arrays is a ValueError and nothing else."""
    text = json.dumps(header).encode()
    path = tmp_path / "a"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(ValueError):
        map_arrays(path)
