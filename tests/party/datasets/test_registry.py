"""Data sets by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import DataError, InputError
from feddmf_party.datasets import DATASETS, load_dataset


def test_the_names_are_the_folders() -> None:
    """Each source is listed under its own name."""
    assert sorted(DATASETS) == ["ml-latest-small", "online-retail"]
    assert all(source.name == name for name, source in DATASETS.items())


def test_an_unknown_name_lists_the_known() -> None:
    """A name that is not there is an InputError with the names that are."""
    with pytest.raises(InputError, match="no data set 'ml-1m'") as caught:
        load_dataset("ml-1m")
    assert caught.value.hint == "the data sets are ml-latest-small, online-retail"


def test_a_folder_can_be_named(tmp_path: Path) -> None:
    """A corrupt file in the folder named is an error, even where another place has a good one."""
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    (folder / "ratings.csv").write_text("x")
    (folder / "movies.csv").write_text("x")
    with pytest.raises(DataError, match=r"ratings\.csv: its SHA-256 is 2d711642b726b044"):
        load_dataset("ml-latest-small", tmp_path)
