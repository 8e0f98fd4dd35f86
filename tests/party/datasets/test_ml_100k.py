"""MovieLens 100K in the published form; the sample is made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from feddmf.errors import DataError, InputError
from feddmf_party.datasets.film_ratings import Film, Person
from feddmf_party.datasets.ml_100k import read, read_films
from support.damage import empty
from support.film_files import write_ml_100k


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the made-up sample."""
    return write_ml_100k(tmp_path / "ml-100k")


@pytest.mark.parametrize("optional", [True, False])
def test_ratings_films_and_people_are_read(tmp_path: Path, optional: bool) -> None:
    """Latin-1 titles, years from the title or else the release date, age bands; u.genre need not be there."""
    films = read_films(write_ml_100k(tmp_path, optional=optional))
    assert films.users.tolist() == ["2", "1", "1", "3", "3"]
    assert films.films.tolist() == ["1", "1", "2", "3", "2"]
    assert films.values.tolist() == [5, 3, 4, 1, 2]
    assert films.times.tolist() == [900, 100, 200, 50, 60]
    assert films.catalogue == {
        "1": Film("Café Alpha (1995)", 1995, ("Comedy", "Romance")),
        "2": Film("Beta", 1987, ("Drama",)),
        "3": Film("unknown", None, ()),
    }
    assert films.people == {
        "1": Person("under 18", "M", "student"),
        "2": Person("35-44", "F", "artist"),
        "3": Person("56+", "F", "none"),
    }


def test_it_is_an_ordinary_data_set_too(folder: Path) -> None:
    """Pairs are sorted, ratings are their values, titles the labels."""
    dataset = read(folder)
    assert dataset.name == "ml-100k"
    assert dataset.pairs.users.tolist() == ["1", "1", "2", "3", "3"]
    assert dataset.pairs.items.tolist() == ["1", "2", "1", "2", "3"]
    assert dataset.pairs.values.tolist() == [3, 4, 5, 2, 1]
    assert dataset.item_labels["1"] == "Café Alpha (1995)"


def change(name: str, number: int, line: str) -> Callable[[Path], object]:
    """Return what replaces a line, counted from 1, of a file."""

    def act(folder: Path) -> None:
        lines = (folder / name).read_bytes().decode("latin-1").split("\n")
        lines[number - 1] = line
        (folder / name).write_bytes("\n".join(lines).encode("latin-1"))

    return act


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("u.data", 2, "1\t1\t3"), r"u\.data: line 2: 3 cells, expected are 4: user<tab>film"),
        (change("u.data", 1, "2 1 5 900"), r"u\.data: line 1: 1 cells"),
        (
            change("u.data", 3, "1\t2\t6\t200"),
            r"u\.data: line 3: rating is '6', not a whole number from 1 to 5",
        ),
        (change("u.data", 3, "1\t2\t4\tnoon"), r"u\.data: line 3: timestamp is 'noon'"),
        (change("u.data", 3, "9\t2\t4\t200"), r"u\.data: line 3: user '9' is not in the file of users"),
        (change("u.data", 3, "1\t9\t4\t200"), r"u\.data: line 3: film '9' is not in the file of films"),
        (change("u.data", 3, "1\t1\t4\t200"), r"u\.data: user 1 rates film 1 more than once"),
        (change("u.user", 2, "2|0|F|artist|1"), r"u\.user: line 2: age is '0'"),
        (change("u.user", 2, "2|44|X|artist|1"), r"u\.user: line 2: gender is 'X', none of F, M"),
        (change("u.user", 2, "2|44|F|king|1"), r"u\.user: line 2: occupation is 'king'"),
        (change("u.user", 1, "\xef\xbb\xbf1|17|M|student|0"), r"u\.user: line 1: user is"),
        (change("u.item", 2, "2|Beta|13-Feb-1987||u|1|0"), r"u\.item: line 2: 7 cells, expected are 24"),
        (
            change("u.item", 2, "2|B|13-Feb-87||u|" + "|".join("0" * 19)),
            r"u\.item: line 2: release year is '87'",
        ),
        (change("u.item", 2, "2|B|||u|2|" + "|".join("0" * 18)), r"u\.item: line 2: genre unknown is '2'"),
        (lambda folder: empty(folder / "u.data"), r"u\.data: no lines"),
    ],
)
def test_a_damaged_line_is_named_with_what_to_do(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    """File and line, and how to get the file anew."""
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        read_films(folder)
    assert caught.value.hint


def test_a_missing_file_is_named(folder: Path) -> None:
    """Without u.item the error says how to get it."""
    (folder / "u.item").unlink()
    with pytest.raises(InputError, match=r"cannot read data file .*u\.item") as caught:
        read_films(folder)
    assert "ml-100k.zip" in caught.value.hint


def test_windows_line_ends_do_not_matter(folder: Path) -> None:
    """A file that an editor saved with CRLF reads the same."""
    before = read_films(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    after = read_films(folder)
    assert after.times.tolist() == before.times.tolist()
    assert (after.catalogue, after.people) == (before.catalogue, before.people)
