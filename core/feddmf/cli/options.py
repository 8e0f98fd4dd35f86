"""Options that commands of both sides share."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

__all__ = ["VersionOption", "seconds_option"]

# Three years; longer waits are slips of the finger.
_LONGEST_S = 1e8
# What every database takes for an integer.
_LAST_VERSION = 2**31 - 1

VersionOption = Annotated[
    int,
    typer.Option(
        "--version",
        min=0,
        max=_LAST_VERSION,
        show_default="the latest",
        help="Catalogue version.",
    ),
]


def seconds_option(help_text: str) -> Any:
    """Return the option `--wait`, a bound in seconds; NaN, which nothing is longer than, is refused."""
    return typer.Option("--wait", help=help_text, callback=_check_seconds)


def _check_seconds(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= _LONGEST_S):
        raise typer.BadParameter(f"{value:g} is no number of seconds from 0 to {_LONGEST_S:,.0f}")
    return value
