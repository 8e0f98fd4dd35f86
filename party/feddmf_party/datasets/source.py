"""Where a public data set comes from and how to tell that a file of it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.film_ratings import FilmRatings

__all__ = ["PinnedFile", "Source"]


@dataclass(frozen=True)
class PinnedFile:
    """A file and its SHA-256 in hex, None where nobody has pinned it; it is then checked as it is read.

    `strict` is off where a file of one's own making is as good; `also`: digests of other copies that are as
    good as the pinned one.
    """

    name: str
    sha256: str | None
    strict: bool = True
    also: tuple[str, ...] = ()

    def fits(self, digest: str) -> bool:
        """Tell whether a file with this SHA-256 is one of those meant; any is where nobody has pinned it."""
        return self.sha256 is None or digest in {self.sha256, *self.also}


@dataclass(frozen=True)
class Source:
    """A data set's files, their publisher, and how to read the folder that holds them.

    url: a zip with the files, or None where the publisher's form is another or everybody is to get it from
    the publisher; `recipe` says how to get the files by hand. read_films: the same folder with all that is
    told of ratings, films and people; None for a data set that has no ratings.
    """

    name: str
    title: str
    files: tuple[PinnedFile, ...]
    url: str | None
    recipe: str
    read: Callable[[Path], Dataset]
    read_films: Callable[[Path], FilmRatings] | None = None
