"""A small source of the tests' own, and the real data sets where they are at hand."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feddmf_party.datasets import DATASETS, Dataset, Pairs, load_dataset
from feddmf_party.datasets.location import find_folder
from feddmf_party.datasets.source import PinnedFile, Source

CONTENT = b"user,item\na,b\n"


def read_tiny(folder: Path) -> Dataset:
    """Return a data set that only says where it was read."""
    nothing = np.array([], dtype=np.str_)
    pairs = Pairs(nothing, nothing, np.array([]))
    return Dataset("tiny", str(folder), "none", "nobody", "value", pairs, {})


@pytest.fixture
def tiny(tmp_path: Path) -> Source:
    """Return a source of one file, whose publisher is a zip in a folder of this machine."""
    archive = tmp_path / "publisher" / "tiny.zip"
    archive.parent.mkdir()
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as file:
        file.writestr("tiny-1.0/pairs.csv", CONTENT)
    archive.write_bytes(box.getvalue())
    return Source(
        name="tiny",
        title="Tiny",
        files=(PinnedFile("pairs.csv", hashlib.sha256(CONTENT).hexdigest()),),
        url=archive.as_uri(),
        recipe="write it",
        read=read_tiny,
    )


@pytest.fixture(scope="session")
def real() -> Callable[[str], Dataset]:
    """Return a loader of the public data sets that skips the test where the files are not at hand."""
    loaded: dict[str, Dataset] = {}

    def load(name: str) -> Dataset:
        if find_folder(DATASETS[name]) is None:
            pytest.skip(f"{name} is not on this machine (FEDDMF_DATA_DIR, ./data, cache)")
        if name not in loaded:
            loaded[name] = load_dataset(name)
        return loaded[name]

    return load
