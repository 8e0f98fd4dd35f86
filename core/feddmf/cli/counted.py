"""Counts as a person reads them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, noun: str) -> str:
    """Return `1 user`, `2 users`, `1,000 users`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
