"""What is said of a table that cannot be read, or lacks a column."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from feddmf.errors import DataError
from feddmf_party.data.arrow import ArrowError

__all__ = ["NO_HEADER", "check_columns", "reading"]

NO_HEADER = "empty csv file"
"""What pyarrow says, in letters of any case, of a CSV in which it finds no header."""

_SHOWN = 20


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn what pyarrow and the operating system say about a file into a DataError that names it."""
    try:
        yield
    except (ArrowError, OSError, UnicodeDecodeError) as error:
        if NO_HEADER in str(error).lower():
            raise DataError(f"{path}: empty", hint="name a CSV file with a header and rows") from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: cannot be read as {kind}: {reason}",
            hint="check that it may be read, is whole, has its text in UTF-8, and is of the format set",
        ) from error


def check_columns(source: Path | str, names: Sequence[str], columns: Sequence[str]) -> None:
    """Raise DataError, with what is nearest, unless each of `columns` is once among the table's `names`."""
    if not names:
        raise DataError(f"{source}: no columns", hint="name a table with columns and rows")
    for column in columns:
        if column not in names:
            shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
            raise DataError(f"{source}: no column {column!r}; it has {shown}", hint=_suggest(column, names))
        if list(names).count(column) > 1:
            raise DataError(
                f"{source}: column {column!r} occurs more than once", hint="give each column its own name"
            )


def _suggest(column: str, names: Sequence[str]) -> str:
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        return "the header holds no comma: write the file with commas between the cells"
    plain = {name.strip().casefold(): name for name in names}
    near = difflib.get_close_matches(column.strip().casefold(), plain, n=1)
    return f"did you mean {plain[near[0]]!r}?" if near else "set the column's name as the file has it"
