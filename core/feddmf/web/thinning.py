"""Which of many rows of a curve are shown."""

from __future__ import annotations

__all__ = ["thinned"]

# More points than anybody sees; a run may have many thousand rounds.
_MOST_POINTS = 200


def thinned(count: int, most: int = _MOST_POINTS) -> range:
    """Return places of `count` rows, `most` or fewer, evenly spaced: all of a few, and always the last."""
    step = -(-count // most) or 1
    return range((count - 1) % step if count else 0, count, step)
