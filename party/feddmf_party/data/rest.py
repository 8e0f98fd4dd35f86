"""What one reader of a file leaves to another."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rest"]


@dataclass(frozen=True)
class Rest:
    """The end of a file: from byte `offset` on, with so many `rows` before it."""

    offset: int = 0
    rows: int = 0
