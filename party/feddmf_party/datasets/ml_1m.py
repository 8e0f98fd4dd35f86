"""MovieLens 1M (2003): ratings.dat, users.dat and movies.dat, with :: between the cells."""

from __future__ import annotations

from pathlib import Path

from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.delimited import Delimited, joined
from feddmf_party.datasets.film_ratings import AGE_BANDS, Film, FilmRatings, Person, year_in
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["OCCUPATIONS", "SOURCE", "read", "read_films"]

OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student"),
    *("customer service", "doctor/health care", "executive/managerial", "farmer", "homemaker"),
    *("K-12 student", "lawyer", "programmer", "retired", "sales/marketing", "scientist", "self-employed"),
    *("technician/engineer", "tradesman/craftsman", "unemployed", "writer"),
)
"""What the occupation codes 0 to 20 of users.dat stand for."""

_TITLE = "MovieLens 1M"
_LICENCE = "GroupLens: research use, no redistribution without permission, no commercial use"
_LARGEST_ID = 10**9
_URL = "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
_RECIPE = f"unpack {_URL} and keep ratings.dat, users.dat and movies.dat of its folder ml-1m"


def read(folder: Path) -> Dataset:
    """Read 6,040 users, 3,706 rated films, 1,000,209 pairs; values are ratings. Raises as `read_films`."""
    return read_films(folder).dataset(_TITLE, _LICENCE)


def read_films(folder: Path) -> FilmRatings:
    """Read ratings, films and people.

    Raises InputError for a file that cannot be read, DataError naming file and line for a line that is not
    in the published form, or that names a user or a film of which the other files do not know.
    """
    people, films = _people(folder), _films(folder)
    file = Delimited(folder / "ratings.dat", ("user", "film", "rating", "timestamp"), "::", _RECIPE)
    return joined("ml-1m", file, people, films)


def _people(folder: Path) -> dict[str, Person]:
    file = Delimited(folder / "users.dat", ("user", "gender", "age", "occupation", "zip"), "::", _RECIPE)
    ages = tuple(map(str, AGE_BANDS))
    people = {}
    for number, (user, gender, age, occupation, _) in file.lines():
        file.whole(number, "user", user, low=1, high=_LARGEST_ID)
        code = file.whole(number, "occupation", occupation, low=0, high=len(OCCUPATIONS) - 1)
        people[user] = Person(
            age=AGE_BANDS[int(file.one_of(number, "age", age, ages))],
            gender=file.one_of(number, "gender", gender, ("F", "M")),
            occupation=OCCUPATIONS[code],
        )
    return people


def _films(folder: Path) -> dict[str, Film]:
    file = Delimited(folder / "movies.dat", ("film", "title", "genres"), "::", _RECIPE)
    films = {}
    for number, (film, title, genres) in file.lines():
        file.whole(number, "film", film, low=1, high=_LARGEST_ID)
        names = tuple(genres.split("|"))
        if not all(names):
            raise file.fault(number, f"genres are {genres!r:.60}, expected are names with | between them")
        films[film] = Film(title, year_in(title), names)
    return films


SOURCE = Source(
    name="ml-1m",
    title=_TITLE,
    # Nobody has pinned these; their content is checked line by line as it is read.
    files=(PinnedFile("ratings.dat", None), PinnedFile("users.dat", None), PinnedFile("movies.dat", None)),
    url=None,
    recipe=_RECIPE,
    read=read,
    read_films=read_films,
)
