"""What a run is called on disk and on the wire, by its name in the run file."""

from __future__ import annotations

import re

__all__ = ["plain_name"]

_LONGEST = 80


def plain_name(name: str) -> str:
    """Return the name of a run in lower-case letters, digits and hyphens; "run" where none is left."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST] or "run"
