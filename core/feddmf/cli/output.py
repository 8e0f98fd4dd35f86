"""What commands print: one JSON envelope or one table on stdout; everything said to a person on stderr."""

from __future__ import annotations

import enum
import json
import logging
import math
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.tables import printable, render, table
from feddmf.errors import FedDMFError

__all__ = [
    "SAID",
    "FormatOption",
    "OutputFormat",
    "describe",
    "envelope",
    "print_error",
    "say",
    "show",
    "shows_live",
    "table",
]

ENVELOPE_VERSION = 1
SAID = "feddmf.cli.said"
"""The logger that takes what is said to a person, where the log is not for people: it has a handler then."""


class OutputFormat(enum.StrEnum):
    """How a reading command answers."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    OutputFormat,
    typer.Option("--format", help="text for people, json for programs (one envelope on stdout)."),
]


def say(message: str) -> None:
    """Tell a person something, on stderr, so that stdout stays data; a record where the log is JSON."""
    said = logging.getLogger(SAID)
    if said.handlers:
        said.info(printable(message, lines=True))
        return
    sys.stderr.write(printable(message, lines=True) + "\n")
    sys.stderr.flush()


def shows_live() -> bool:
    """Tell whether stderr shows a line that moves: on a terminal, and where it is not a log in JSON."""
    return sys.stderr.isatty() and not logging.getLogger(SAID).handlers


def envelope(data: Mapping[str, Any] | None, error: Mapping[str, Any] | None = None) -> str:
    """Return the JSON envelope: `{"feddmf": 1, "ok": ..., "data": ..., "error": ...}`; NaN becomes null."""
    whole = {"feddmf": ENVELOPE_VERSION, "ok": error is None, "data": data, "error": error}
    return json.dumps(_plain(whole), allow_nan=False)


def show(data: Mapping[str, Any], output: OutputFormat, text: Callable[[], Table | str]) -> None:
    """Print `data` as the envelope, or what `text` makes of it, on stdout."""
    if output is OutputFormat.JSON:
        sys.stdout.write(envelope(data) + "\n")
        return
    made = text()
    sys.stdout.write(printable(made, lines=True) + "\n" if isinstance(made, str) else render(made))
    # What is said on stderr after an answer stands after it on a terminal too.
    sys.stdout.flush()


def print_error(error: FedDMFError, output: OutputFormat) -> None:
    """Print `error` with its hint on stderr, and as an envelope on stdout where JSON was asked for."""
    if output is OutputFormat.JSON:
        sys.stdout.write(envelope(None, error.as_dict()) + "\n")
        sys.stdout.flush()
    say("\n".join(describe("error", error)))


def describe(what: str, error: FedDMFError) -> list[str]:
    """Return the one line that says what is wrong, and the one that says what to do, if anything."""
    # What libraries say may have lines of its own.
    lines = [f"{what}: {' '.join(error.message.split())}"]
    return [*lines, f"  to do: {' '.join(error.hint.split())}"] if error.hint else lines


def _plain(value: Any) -> Any:
    """Return `value` as JSON knows it: no NaN, no infinity."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
