"""Where a public data set comes from and how to tell that a file of it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feddmf_party.datasets.dataset import Dataset

__all__ = ["PinnedFile", "Source"]


@dataclass(frozen=True)
class PinnedFile:
    """A file and its SHA-256 in hex; `strict` is off where a file of one's own making is as good."""

    name: str
    sha256: str
    strict: bool = True


@dataclass(frozen=True)
class Source:
    """A data set's files, their publisher, and how to read the folder that holds them.

    url: a zip with the files, or None where the publisher's form is another; `recipe` says how to get
    the files by hand.
    """

    name: str
    title: str
    files: tuple[PinnedFile, ...]
    url: str | None
    recipe: str
    read: Callable[[Path], Dataset]
