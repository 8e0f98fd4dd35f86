"""Files that are to become a catalogue's next version: all their mistakes, or the one CSV that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from feddmf.catalogue.listing import join_listings
from feddmf.catalogue.rows import CatalogueRows, Mistake
from feddmf.errors import CatalogueError

__all__ = ["MOST_MISTAKES", "Upload", "read_upload"]

MOST_MISTAKES = 500
"""Mistakes that are named; whoever has more mends a column, not a row."""


@dataclass(frozen=True)
class Upload:
    """Files as they were given, and what they make.

    name: what messages call them; text: the CSV to publish, "" where there are mistakes; more: how
    many mistakes there are beside those that are named.
    """

    name: str
    text: str
    mistakes: tuple[Mistake, ...]
    more: int = 0

    def require_whole(self) -> None:
        """Raise CatalogueError with the first mistake, if there is one."""
        if not self.mistakes:
            return
        first, others = self.mistakes[0].error(), len(self.mistakes) + self.more - 1
        mistakes = "mistake" if others == 1 else "mistakes"
        beside = f"; {others:,} more {mistakes}: see all with --dry-run" if others else ""
        raise CatalogueError(first.message, hint=first.hint + beside)


def read_upload(files: Sequence[tuple[str, bytes]]) -> Upload:
    """Read files, (name, content) each: one with all parties' columns, or several of different parties."""
    name = " + ".join(where for where, _ in files)
    texts: list[tuple[str, str]] = []
    mistakes: list[Mistake] = []
    more = 0
    for where, content in files:
        found = _mistakes(where, content, 2 if len(files) == 1 else 1, texts)
        mistakes += islice(found, MOST_MISTAKES - len(mistakes))
        more += sum(1 for _ in found)
    if mistakes:
        return Upload(name, "", tuple(mistakes), more)
    if len(texts) == 1:
        return Upload(name, texts[0][1], ())
    try:
        return Upload(name, join_listings(texts), ())
    except CatalogueError as error:
        return Upload(name, "", (Mistake(name, None, error.message, error.hint),))


def _mistakes(
    where: str, content: bytes, least_parties: int, texts: list[tuple[str, str]]
) -> Iterator[Mistake]:
    """Yield what is wrong with a file; add it to `texts` where it is text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Mistake(where, line, "it is not UTF-8 text", "save it as UTF-8")
        return
    texts.append((where, text))
    yield from CatalogueRows(where).read(text, least_parties)
