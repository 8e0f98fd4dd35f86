"""Made-up users, films and ratings, in the very formats of ml-latest-small, ml-100k and ml-1m."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from feddmf_party.datasets.film_ratings import Film, FilmRatings, Person
from feddmf_party.datasets.ml_100k import GENRES

__all__ = ["made_films", "write_ml_1m", "write_ml_100k"]


def _flags(*genres: str) -> str:
    return "|".join("1" if genre in genres else "0" for genre in GENRES)


def write_ml_100k(folder: Path, *, optional: bool = True) -> Path:
    """Write three users, three films and five ratings as ml-100k has them; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    people = ["1|17|M|student|00000", "2|44|F|artist|T8H1N", "3|70|F|none|99999"]
    films = [
        f"1|Caf\xe9 Alpha (1995)|01-Jan-1995||http://example.org/1|{_flags('Comedy', 'Romance')}",
        f"2|Beta|13-Feb-1987||http://example.org/2|{_flags('Drama')}",
        f"3|unknown||||{_flags('unknown')}",
    ]
    ratings = [(2, 1, 5, 900), (1, 1, 3, 100), (1, 2, 4, 200), (3, 3, 1, 50), (3, 2, 2, 60)]
    _write(folder / "u.user", people)
    _write(folder / "u.item", films)
    _write(folder / "u.data", ["\t".join(map(str, row)) for row in ratings])
    if optional:
        # The published file ends in a blank line.
        _write(folder / "u.genre", [*(f"{genre}|{at}" for at, genre in enumerate(GENRES)), ""])
        _write(folder / "u.occupation", ["artist", "none", "student"])
    return folder


def write_ml_1m(folder: Path) -> Path:
    """Write two users, three films and four ratings as ml-1m has them; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "users.dat", ["1::F::1::10::00000", "2::M::56::16::70072-1234"])
    films = [
        "1::Caf\xe9 Alpha (1995)::Comedy|Romance",
        "2::Beta: Part II (1939)::Drama",
        "7::Gamma (2000)::War",
    ]
    _write(folder / "movies.dat", films)
    _write(
        folder / "ratings.dat",
        ["1::1::5::978300760", "1::2::3::978302109", "2::1::4::978301968", "2::2::1::9"],
    )
    return folder


def _write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("latin-1"))


def made_films(rows: list[tuple[str, str, float, int]], *, people: bool = False) -> FilmRatings:
    """Return ratings (user, film, value, time); films are comedies (ids 0, 3, ...), dramas, or both."""
    users, films, values, times = (list(column) for column in zip(*rows, strict=True))
    kinds = (("Comedy",), ("Drama",), ("Comedy", "Drama"))
    catalogue = {
        film: Film(f"Film {film} ({1980 + int(film)})", 1980 + int(film), kinds[int(film) % 3])
        for film in set(films)
    }
    told = {user: Person("25-34", "F" if int(user) % 2 else "M", "artist") for user in set(users)}
    return FilmRatings(
        name="made",
        users=np.array(users),
        films=np.array(films),
        values=np.array(values, dtype=np.float64),
        times=np.array(times, dtype=np.int64),
        scale=(1.0, 5.0),
        catalogue=catalogue,
        people=told if people else {},
    )
