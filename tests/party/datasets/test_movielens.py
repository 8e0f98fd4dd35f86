"""ml-latest-small in the common form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import DataError
from feddmf_party.datasets import Dataset
from feddmf_party.datasets.movielens import read, read_films


def test_ratings_and_titles_are_read(tmp_path: Path) -> None:
    """Ratings are values, titles labels; a movie without a title is called by its id."""
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n2,10,4.5,1\n1,7,3.0,2\n1,10,1,3\n"
    )
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n10,"Ten, ""the"" movie (1979)",x\n8,Eight,y\n'
    )
    dataset = read(tmp_path)
    assert dataset.pairs.users.tolist() == ["1", "1", "2"]
    assert dataset.pairs.items.tolist() == ["10", "7", "10"]
    assert dataset.pairs.values.tolist() == [1.0, 3.0, 4.5]
    assert dataset.item_labels == {"10": 'Ten, "the" movie (1979)', "7": "7"}


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    """A rating that is no number is a DataError with its row."""
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n2,10,good,1\n")
    with pytest.raises(DataError, match=r"ratings\.csv: row 1: column 'rating'"):
        read(tmp_path)


def write(folder: Path, ratings: str) -> None:
    """Write a table of ratings and one of films."""
    (folder / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{ratings}")
    films = "10,Ten (1979),Drama|War\n8,Eight (2006\u20132008),(no genres listed)\n9,Nine,IMAX\n"
    (folder / "movies.csv").write_text(f"movieId,title,genres\n{films}", encoding="utf-8")


def test_times_years_and_genres_are_read(tmp_path: Path) -> None:
    """The year is in brackets at the end of the title, a span counts from its first; users stay unknown."""
    write(tmp_path, "2,10,4.5,964982703\n1,8,0.5,12\n")
    films = read_films(tmp_path)
    assert films.times.tolist() == [964982703, 12]
    assert [(film.year, film.genres) for film in films.catalogue.values()] == [
        (1979, ("Drama", "War")),
        (2006, ()),
        (None, ("IMAX",)),
    ]
    assert films.people == {}


def test_the_one_damaged_time_of_the_pinned_copy_is_mended(tmp_path: Path) -> None:
    """The file's own address, pasted into a time, is taken out; any other damage is an error."""
    pasted = " https://files.grouplens.org/datasets/movielens/ml-latest-small"
    write(tmp_path, f"5,10,3.0,84743496{pasted}1\n")
    assert read_films(tmp_path).times.tolist() == [847434961]
    write(tmp_path, "5,10,3.0,84743496 https://example.org1\n")
    with pytest.raises(DataError, match=r"ratings\.csv: row 1: column 'timestamp'"):
        read_films(tmp_path)


def test_a_film_rated_twice_by_a_user_is_refused(tmp_path: Path) -> None:
    """Two ratings of one film would add up to one that nobody gave."""
    write(tmp_path, "2,10,4.5,1\n2,10,3.5,2\n")
    with pytest.raises(DataError, match=r"ratings\.csv: user 2 rates film 10 more than once"):
        read(tmp_path)


def test_the_real_data_set_has_its_documented_size(real: Callable[[str], Dataset]) -> None:
    """610 users, 9,724 rated movies, 100,836 ratings from 0.5 to 5."""
    dataset = real("ml-latest-small")
    sizes = (len(dataset.users), len(dataset.items), len(dataset.pairs), len(dataset.item_labels))
    assert sizes == (610, 9_724, 100_836, 9_724)
    assert set(dataset.pairs.values.tolist()) == set(np.arange(0.5, 5.5, 0.5).tolist())
    assert dataset.item_labels["1"] == "Toy Story (1995)"
