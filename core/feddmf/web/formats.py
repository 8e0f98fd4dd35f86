"""Figures as people read them; a dash where there is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

__all__ = ["FILTERS"]

_DASH = "\N{EN DASH}"
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
    return _DASH if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def size(value: float | None) -> str:
    """Return a number of bytes in the unit that fits."""
    if value is None:
        return _DASH
    unit = 0
    while value >= _KIB and unit < len(_UNITS) - 1:
        value, unit = value / _KIB, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def when(value: datetime | str | None) -> str:
    """Return a moment to the minute, in UTC."""
    if not value:
        return _DASH
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units."""
    if _is_nothing(seconds):
        return _DASH
    whole = round(seconds or 0)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


FILTERS = {
    "count": count,
    "figure": figure,
    "percent": percent,
    "size": size,
    "when": when,
    "duration": duration,
}
"""By the names that templates call them."""
