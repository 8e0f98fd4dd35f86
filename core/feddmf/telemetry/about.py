"""What log records are about: run, round, phase and party, known to whatever the task at hand calls."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

__all__ = ["NAMES", "about", "note"]

NAMES = ("run", "phase", "round", "party")
"""The fields that a record can have of it, in this order."""

_ABOUT: ContextVar[Mapping[str, str | int]] = ContextVar("feddmf_about", default=MappingProxyType({}))


def note(**told: str | int) -> None:
    """Note what this task is about from here on, and each task and thread that it starts: fields of `NAMES`.

    What was noted before stays; an empty name takes a field away.
    """
    known = {**_ABOUT.get(), **told}
    _ABOUT.set(MappingProxyType({name: known[name] for name in NAMES if known.get(name, "") != ""}))


def about() -> Mapping[str, str | int]:
    """Return what this task is about, by field."""
    return _ABOUT.get()
