"""MovieLens 100K (1998): u.data, u.user and u.item, and u.genre and u.occupation where they are there."""

from __future__ import annotations

from pathlib import Path

from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.delimited import Delimited, joined
from feddmf_party.datasets.film_ratings import Film, FilmRatings, Person, age_band, year_in
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["GENRES", "SOURCE", "read", "read_films"]

GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)
"""The genres of u.item's last 19 columns, in order; `unknown` says that a film has none."""

_TITLE = "MovieLens 100K"
_LICENCE = "GroupLens: research use, no redistribution without permission, no commercial use"
_LARGEST_ID = 10**9
_OLDEST = 120
_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_RECIPE = f"unpack {_URL} and keep u.data, u.user and u.item of its folder ml-100k"


def read(folder: Path) -> Dataset:
    """Read 943 users, 1,682 films, 100,000 pairs; values are ratings. Raises as `read_films` does."""
    return read_films(folder).dataset(_TITLE, _LICENCE)


def read_films(folder: Path) -> FilmRatings:
    """Read ratings, films and people.

    Raises InputError for a file that cannot be read, DataError naming file and line for a line that is not
    in the published form, or that names a user or a film of which the other files do not know.
    """
    people, films = _people(folder), _films(folder)
    file = Delimited(folder / "u.data", ("user", "film", "rating", "timestamp"), "\t", _RECIPE)
    return joined("ml-100k", file, people, films)


def _people(folder: Path) -> dict[str, Person]:
    occupations = _names(folder / "u.occupation", ("occupation",))
    file = Delimited(folder / "u.user", ("user", "age", "gender", "occupation", "zip"), "|", _RECIPE)
    people = {}
    for number, (user, age, gender, occupation, _) in file.lines():
        file.whole(number, "user", user, low=1, high=_LARGEST_ID)
        years = file.whole(number, "age", age, low=1, high=_OLDEST)
        sex = file.one_of(number, "gender", gender, ("F", "M"))
        if occupations:
            file.one_of(number, "occupation", occupation, occupations)
        people[user] = Person(age_band(years), sex, occupation)
    return people


def _films(folder: Path) -> dict[str, Film]:
    genres = _names(folder / "u.genre", ("genre", "number")) or GENRES
    columns = ("film", "title", "release date", "video date", "URL", *genres)
    file = Delimited(folder / "u.item", columns, "|", _RECIPE)
    films = {}
    for number, (film, title, released, _, _, *flags) in file.lines():
        file.whole(number, "film", film, low=1, high=_LARGEST_ID)
        marked = [
            genre
            for genre, flag in zip(genres, flags, strict=True)
            if file.one_of(number, f"genre {genre}", flag, ("0", "1")) == "1"
        ]
        year = year_in(title) or _year(file, number, released)
        films[film] = Film(title, year, tuple(genre for genre in marked if genre != "unknown"))
    return films


def _year(file: Delimited, number: int, released: str) -> int | None:
    """Return the year of a date as 01-Jan-1995; None where there is no date."""
    if not released:
        return None
    return file.whole(number, "release year", released.rpartition("-")[2], low=1800, high=2199)


def _names(path: Path, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first cells of a file that need not be there."""
    if not path.is_file():
        return ()
    return tuple(cells[0] for _, cells in Delimited(path, columns, "|", _RECIPE).lines())


SOURCE = Source(
    name="ml-100k",
    title=_TITLE,
    # Nobody has pinned these; their content is checked line by line as it is read.
    files=(PinnedFile("u.data", None), PinnedFile("u.user", None), PinnedFile("u.item", None)),
    url=None,
    recipe=_RECIPE,
    read=read,
    read_films=read_films,
)
