"""What commands print: one JSON envelope or one table on stdout; everything said to a person on stderr."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from feddmf.errors import FedDMFError

__all__ = ["FormatOption", "OutputFormat", "envelope", "print_error", "say", "show", "table"]

ENVELOPE_VERSION = 1


class OutputFormat(enum.StrEnum):
    """How a reading command answers."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    OutputFormat,
    typer.Option("--format", help="text for people, json for programs (one envelope on stdout)."),
]


def say(message: str) -> None:
    """Tell a person something, on stderr, so that stdout stays data."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def envelope(data: Mapping[str, Any] | None, error: Mapping[str, Any] | None = None) -> str:
    """Return the JSON envelope: `{"feddmf": 1, "ok": ..., "data": ..., "error": ...}`."""
    return json.dumps({"feddmf": ENVELOPE_VERSION, "ok": error is None, "data": data, "error": error})


def show(data: Mapping[str, Any], output: OutputFormat, text: Callable[[], Table | str]) -> None:
    """Print `data` as the envelope, or what `text` makes of it, on stdout."""
    if output is OutputFormat.JSON:
        sys.stdout.write(envelope(data) + "\n")
        return
    made = text()
    if isinstance(made, str):
        sys.stdout.write(made + "\n")
        return
    # A pipe gets rows as wide as they are; only a terminal folds them.
    console = Console(width=None if sys.stdout.isatty() else 200)
    if made.title:
        # Outside the table, which would fold it to its own width.
        console.print(str(made.title), style="bold", soft_wrap=True, highlight=False)
        made.title = None
    console.print(made)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> Table:
    """Return a rich table with a header per column; numbers are right-aligned."""
    made = Table(title=title, box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        made.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    return made


def print_error(error: FedDMFError, output: OutputFormat) -> None:
    """Print `error` with its hint on stderr, and as an envelope on stdout where JSON was asked for."""
    if output is OutputFormat.JSON:
        sys.stdout.write(envelope(None, error.as_dict()) + "\n")
    say(f"error: {error.message}" + (f"\n  to do: {error.hint}" if error.hint else ""))
