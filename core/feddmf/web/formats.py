"""Figures as people read them; a dash where there is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from feddmf.progress import duration

__all__ = ["FILTERS"]

_DASH = "\N{EN DASH}"
# A number and its unit stay on one line.
_JOINT = "\N{NO-BREAK SPACE}"
_KIB = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def count(value: float | None) -> str:
    """Return a whole number with separators between thousands."""
    return _DASH if _is_nothing(value) else f"{value:,.0f}"


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits behind the point."""
    return _DASH if _is_nothing(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share in percent."""
    return _DASH if value is None or math.isnan(value) else f"{100 * value:.{digits}f}{_JOINT}%"


def size(value: float | None) -> str:
    """Return a number of bytes in the unit that fits."""
    if value is None:
        return _DASH
    unit = 0
    while value >= _KIB and unit < len(_UNITS) - 1:
        value, unit = value / _KIB, unit + 1
    return f"{value:.{1 if unit else 0}f}{_JOINT}{_UNITS[unit]}"


def when(value: datetime | str | None) -> str:
    """Return a moment to the minute, in UTC."""
    if not value:
        return _DASH
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def time(seconds: float | None) -> str:
    """Return a time in words, no more exact than anybody can know."""
    return _DASH if seconds is None or _is_nothing(seconds) else duration(seconds)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


FILTERS = {
    "count": count,
    "figure": figure,
    "percent": percent,
    "size": size,
    "when": when,
    "duration": time,
}
"""By the names that templates call them."""
