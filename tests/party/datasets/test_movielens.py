"""ml-latest-small in the common form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import DataError
from feddmf_party.datasets import Dataset
from feddmf_party.datasets.movielens import read


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
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\n2,10,good\n")
    with pytest.raises(DataError, match=r"ratings\.csv: row 1: column 'rating'"):
        read(tmp_path)


def test_the_real_data_set_has_its_documented_size(real: Callable[[str], Dataset]) -> None:
    """610 users, 9,724 rated movies, 100,836 ratings from 0.5 to 5."""
    dataset = real("ml-latest-small")
    sizes = (len(dataset.users), len(dataset.items), len(dataset.pairs), len(dataset.item_labels))
    assert sizes == (610, 9_724, 100_836, 9_724)
    assert set(dataset.pairs.values.tolist()) == set(np.arange(0.5, 5.5, 0.5).tolist())
    assert dataset.item_labels["1"] == "Toy Story (1995)"
