"""How often a schedule submits its run file, as people type it."""

from __future__ import annotations

import re
from datetime import timedelta

from feddmf.errors import InputError

__all__ = ["read_period", "shown_period"]

_PERIOD = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3_653)


def read_period(text: str) -> timedelta:
    """Return a period that was typed, as 90m, 12h, 7d or 2w; InputError for anything else."""
    match = _PERIOD.fullmatch(text.strip())
    period = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if period is None or period > _LONGEST:
        raise InputError(f"{text!r} is no period", hint="write 90m, 12h, 7d or 2w, ten years at most")
    return period


def shown_period(period: timedelta) -> str:
    """Return a period as it is typed, in the largest unit that it is a whole number of."""
    for letter, unit in reversed(_UNITS.items()):
        one = timedelta(**{unit: 1})
        if period % one == timedelta():
            return f"{period // one}{letter}"
    return f"{period.total_seconds():.0f}s"
