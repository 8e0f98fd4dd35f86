"""MovieLens 1M in the published form; the sample is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import DataError
from feddmf_party.datasets.film_ratings import Film, Person
from feddmf_party.datasets.ml_1m import read, read_films
from support.film_files import write_ml_1m


def test_ratings_films_and_people_are_read(tmp_path: Path) -> None:
    """Age and occupation codes become names; titles may hold a colon and are Latin-1."""
    films = read_films(write_ml_1m(tmp_path))
    assert films.users.tolist() == ["1", "1", "2", "2"]
    assert films.films.tolist() == ["1", "2", "1", "2"]
    assert films.values.tolist() == [5, 3, 4, 1]
    assert films.times.tolist() == [978300760, 978302109, 978301968, 9]
    assert films.catalogue == {
        "1": Film("Café Alpha (1995)", 1995, ("Comedy", "Romance")),
        "2": Film("Beta: Part II (1939)", 1939, ("Drama",)),
        "7": Film("Gamma (2000)", 2000, ("War",)),
    }
    assert films.people == {
        "1": Person("under 18", "F", "K-12 student"),
        "2": Person("56+", "M", "self-employed"),
    }


def test_it_is_an_ordinary_data_set_too(tmp_path: Path) -> None:
    """Only rated films are items."""
    dataset = read(write_ml_1m(tmp_path))
    assert (dataset.users.tolist(), dataset.items.tolist()) == (["1", "2"], ["1", "2"])
    assert dataset.item_labels == {"1": "Café Alpha (1995)", "2": "Beta: Part II (1939)"}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "ratings.dat",
            "1::2::3::",
            "1:2::3::",
            r"ratings\.dat: line 2: 3 cells, expected are 4: user::film",
        ),
        ("ratings.dat", "1::2::3::", "1::2::0::", r"ratings\.dat: line 2: rating is '0'"),
        ("ratings.dat", "1::2::3::", "1::1::3::", r"ratings\.dat: user 1 rates film 1 more than once"),
        ("users.dat", "F::1::10", "F::2::10", r"users\.dat: line 1: age is '2', none of 1, 18, 25"),
        ("users.dat", "F::1::10", "F::1::21", r"users\.dat: line 1: occupation is '21'"),
        ("users.dat", "2::M", "two::M", r"users\.dat: line 2: user is 'two'"),
        ("movies.dat", "::Drama", "::", r"movies\.dat: line 2: genres are ''"),
        ("movies.dat", "::War", "::War::2000", r"movies\.dat: line 3: 4 cells"),
    ],
)
def test_a_damaged_line_is_named_with_what_to_do(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    """File and line, and how to get the file anew."""
    path = write_ml_1m(tmp_path) / name
    text = path.read_bytes().decode("latin-1")
    assert old in text
    path.write_bytes(text.replace(old, new).encode("latin-1"))
    with pytest.raises(DataError, match=message):
        read_films(tmp_path)
