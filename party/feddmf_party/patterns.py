"""Texts as a person lists them: in whole, or with * for any text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["outside"]


def outside(texts: Iterable[str], patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `texts` that none of `patterns` stands for, in order."""
    if "*" in patterns:
        return ()
    whole, matches = _compiled(patterns)
    return tuple(text for text in texts if text not in whole and not matches.fullmatch(text))


@lru_cache(maxsize=16)
def _compiled(patterns: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str]]:
    """Return patterns without a star, and one expression for all others; a list may be long."""
    starred = [pattern for pattern in patterns if "*" in pattern]
    parts = (".*".join(map(re.escape, re.split(r"\*+", pattern))) for pattern in starred)
    # Without any it matches nothing.
    expression = "|".join(parts) if starred else r"(?!)"
    return frozenset(patterns) - frozenset(starred), re.compile(expression, re.DOTALL)
