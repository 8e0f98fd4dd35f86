"""Text files with one record a line and no header, as ml-100k and ml-1m have them (Latin-1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feddmf.errors import DataError
from feddmf.files import read_bytes
from feddmf_party.datasets.film_ratings import Film, FilmRatings, Person

__all__ = ["LATEST", "Delimited", "joined"]

LATEST = 7_258_118_400
"""The year 2199 in epoch seconds: a time beyond it was counted in another unit."""


@dataclass(frozen=True)
class Delimited:
    """A file whose lines hold `columns` with `mark` between them; `recipe` says how to get it anew."""

    path: Path
    columns: Sequence[str]
    mark: str
    recipe: str

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield number, from 1, and cells of each line that is not blank.

        Raises InputError where the file cannot be read, DataError where it has no lines, or a line has more
        or fewer cells than there are columns.
        """
        text = read_bytes(self.path, what="data file", hint=self.recipe).decode("latin-1")
        rows = 0
        for number, line in enumerate(text.split("\n"), start=1):
            stripped = line.rstrip("\r")
            if not stripped.strip():
                continue
            cells = stripped.split(self.mark)
            if len(cells) != len(self.columns):
                shown = self.mark.replace("\t", "<tab>").join(self.columns)
                raise self.fault(number, f"{len(cells)} cells, expected are {len(self.columns)}: {shown}")
            rows += 1
            yield number, cells
        if not rows:
            raise DataError(f"{self.path}: no lines", hint=f"get the file anew: {self.recipe}")

    def whole(self, number: int, name: str, text: str, *, low: int, high: int) -> int:
        """Return the cell `text` of line `number` as a whole number in low..high; else DataError."""
        if text.isascii() and text.isdigit() and low <= int(text) <= high:
            return int(text)
        raise self.fault(number, f"{name} is {text!r:.60}, not a whole number from {low} to {high}")

    def one_of(self, number: int, name: str, text: str, known: Sequence[str]) -> str:
        """Return the cell `text` of line `number`, which must be one of `known`; else DataError."""
        if text in known:
            return text
        raise self.fault(number, f"{name} is {text!r:.60}, none of {', '.join(known)}")

    def fault(self, number: int, problem: str) -> DataError:
        """Return the error for one line, naming file, line and what to do."""
        return DataError(
            f"{self.path}: line {number}: {problem}",
            hint=f"mend the line, or get the file anew: {self.recipe}",
        )


def joined(
    name: str, file: Delimited, people: Mapping[str, Person], films: Mapping[str, Film]
) -> FilmRatings:
    """Return the data set whose `file` has user, film, rating from 1 to 5 and epoch seconds in each line.

    Raises DataError naming file and line, also for a user or film that is not among those given, and for a
    user who rates a film twice.
    """
    rows = []
    for number, (user, film, rating, time) in file.lines():
        for what, text, known in (("user", user, people), ("film", film, films)):
            if text not in known:
                raise file.fault(number, f"{what} {text!r:.60} is not in the file of {what}s")
        stars = file.whole(number, "rating", rating, low=1, high=5)
        rows.append((user, film, stars, file.whole(number, "timestamp", time, low=0, high=LATEST)))
    users, rated, values, times = zip(*rows, strict=True)
    return FilmRatings(
        name=name,
        users=np.array(users),
        films=np.array(rated),
        values=np.array(values, dtype=np.float64),
        times=np.array(times, dtype=np.int64),
        scale=(1.0, 5.0),
        catalogue=films,
        people=people,
    ).refuse_repeats(file.path)
