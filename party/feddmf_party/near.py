"""What somebody may have meant who named what is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the most similar of `known`, "" for none, and for numbers: one that is near is another thing."""
    if 2 * sum(map(str.isalpha, name)) < len(name):
        return ""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")
