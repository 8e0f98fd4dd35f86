"""SQL of a party's own: statements that read, by their first word."""

from __future__ import annotations

import re

__all__ = ["reads"]

_BEFORE = re.compile(r"(?:\s|\(|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"\w*")
_READING = {"SELECT", "WITH", "VALUES", "TABLE", "SHOW"}


def reads(query: str) -> bool:
    """Return whether the first word after comments and parentheses begins a statement that reads.

    WITH may begin one that writes too: databases are opened to be read alone besides.
    """
    before = _BEFORE.match(query)
    word = _WORD.match(query, before.end() if before else 0)
    return word is not None and word.group().upper() in _READING
