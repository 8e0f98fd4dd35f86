"""Tables for people: folded to a terminal's width, unfolded in a pipe; no cell can steer either."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["printable", "render", "table", "utc"]

_DIGITS = 3
_NOTHING = "-"
# Wide enough that nothing is ever folded.
_PIPE = 1_000_000
# Controls (escape sequences), line separators, marks that turn the direction of text, half characters.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_STEERING_LINES = re.compile(rf"(?!\n){_STEERING.pattern}")


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str | None = None,
    digits: int = _DIGITS,
) -> Table:
    """Return a table with a header per column, if any is named; numbers stand right, None is "-".

    `digits` are those behind the point of a float. Cells and title are text, whatever marks they hold.
    """
    made = Table(title=title, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows if row[index] is not None]
        numeric = bool(cells) and all(_is_number(cell) for cell in cells)
        made.add_column(Text(name), justify="right" if numeric else "left", no_wrap=numeric)
    for row in rows:
        made.add_row(*(Text(_shown(cell, digits)) for cell in row))
    return made


def render(made: Table) -> str:
    """Return the title, if any, and the table as text for stdout, in styles if that is a terminal.

    A terminal gets it folded to its width between words; where a word, such as a key or a fingerprint to
    be copied, or the numbers are wider than that, as wide as a pipe.
    """
    terminal = sys.stdout.isatty()
    lines = io.StringIO()
    console = Console(file=lines, force_terminal=terminal)
    wide = console.options.update_width(_PIPE)
    if not terminal or console.measure(made, options=wide).minimum > console.width:
        console.width = _PIPE
    title, made.title = made.title, None
    if title:
        # Outside the table, which would fold it to its own width.
        text = Text(printable(str(title), lines=True), style="bold")
        console.print(text, soft_wrap=True)
    console.print(made)
    return "".join(line.rstrip() + "\n" for line in lines.getvalue().splitlines())


def printable(text: str, *, lines: bool = False) -> str:
    """Return `text` with all that could steer a terminal written out; with `lines`, line ends stay.

    Labels, ids and messages come from others, and from files that others wrote.
    """
    return (_STEERING_LINES if lines else _STEERING).sub(lambda found: repr(found[0])[1:-1], text)


def utc(time: datetime | None) -> str | None:
    """Return a time as people read it, to the minute, with its zone."""
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _shown(cell: object, digits: int) -> str:
    match cell:
        case None:
            return _NOTHING
        case bool():
            return "yes" if cell else "no"
        case float():
            # Adding 0.0 turns -0.0 into 0.0.
            return f"{round(cell, digits) + 0.0:.{digits}f}" if math.isfinite(cell) else _NOTHING
        case _:
            return printable(str(cell))
