"""Data sets by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import DataError, InputError
from feddmf_party.datasets import DATASETS, load_dataset, load_films
from support.film_files import write_ml_1m, write_ml_100k


def test_the_names_are_the_folders() -> None:
    """Each source is listed under its own name."""
    assert sorted(DATASETS) == ["ml-100k", "ml-1m", "ml-latest-small", "online-retail"]
    assert all(source.name == name for name, source in DATASETS.items())


def test_an_unknown_name_lists_the_known() -> None:
    """A name that is not there is an InputError with the names that are."""
    with pytest.raises(InputError, match="no data set 'netflix'") as caught:
        load_dataset("netflix")
    assert caught.value.hint == "the data sets are ml-100k, ml-1m, ml-latest-small, online-retail"


def test_a_folder_can_be_named(tmp_path: Path) -> None:
    """A corrupt file in the folder named is an error, even where another place has a good one."""
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    (folder / "ratings.csv").write_text("x")
    (folder / "movies.csv").write_text("x")
    with pytest.raises(DataError, match=r"ratings\.csv: its SHA-256 is 2d711642b726b044"):
        load_dataset("ml-latest-small", tmp_path)


def test_what_the_user_fetches_is_found_and_read(tmp_path: Path) -> None:
    """ml-100k and ml-1m have no pinned digest: that the files are there and can be read is enough."""
    write_ml_100k(tmp_path / "ml-100k")
    write_ml_1m(tmp_path / "ml-1m")
    assert len(load_dataset("ml-100k", tmp_path).pairs) == 5
    assert len(load_films("ml-1m", tmp_path).values) == 4


@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_what_is_absent_says_what_to_put_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, places and publisher, with no digest that nobody knows."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is in none of the places looked at") as caught:
        load_films(name, environ={"HOME": str(tmp_path)})
    assert str(tmp_path / ".cache" / "feddmf" / name) in caught.value.hint
    assert f"unpack https://files.grouplens.org/datasets/movielens/{name}.zip" in caught.value.hint
    assert "SHA-256" not in caught.value.hint


def test_a_data_set_without_ratings_is_refused() -> None:
    """Ratings of a shop's invoices do not exist."""
    with pytest.raises(InputError, match="online-retail has no ratings") as caught:
        load_films("online-retail")
    assert caught.value.hint == "data sets with ratings are ml-100k, ml-1m, ml-latest-small"
