"""What a campaign needs of a target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from feddmf.errors import FedDMFError
from fuzz.mutate import Mutate

__all__ = ["Make", "Target", "read_by"]


@dataclass(frozen=True)
class Target:
    """Something that reads bytes of others: whole samples, how to change them, and what reads them.

    read: returns, or raises an error of the declared tree; anything else is a find.
    """

    samples: Sequence[bytes]
    mutate: Mutate
    read: Callable[[bytes], object]


def read_by(readers: Iterable[Callable[[bytes], object]], raw: bytes) -> None:
    """Let all readers have their turn; raise the last one's error where none could read it."""
    refused: FedDMFError | None = None
    taken = False
    for read in readers:
        try:
            read(raw)
            taken = True
        except FedDMFError as error:
            if not error.hint:
                raise
            refused = error
    if refused is not None and not taken:
        raise refused


Make = Callable[[Path], Target]
