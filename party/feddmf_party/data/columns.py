"""One column of a batch as ids, categories, numbers or times; each bad cell named with file and row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf_party.data.arrow import ArrowError, pa, pc
from feddmf_party.data.tables import Batch

__all__ = [
    "EPOCH_SECONDS",
    "LARGEST_VALUE",
    "encoded_ids",
    "ids",
    "instants",
    "numbers",
    "numbers_or_nan",
    "texts",
]

LARGEST_VALUE = 1e30
"""Values stay within this, so that a sum of a hundred million of them still fits float32."""

EPOCH_SECONDS = (-2_208_988_800, 7_258_118_400)
"""The years 1900 to 2199 in epoch seconds; what lies outside was counted in another unit."""

_EXACT = 2.0**53  # float64 holds each whole number up to this one
_MICROS = 1_000_000
_EPOCH = r"^[+-]?\d+$"
_ZONED = r"[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
_TIME_HINT = "write times as 2011-12-09, 2011-12-09T12:50:00 or 2011-12-09T12:50:00Z, or as epoch seconds"


def ids(batch: Batch, name: str) -> Any:
    """Return column `name` as text with no null, a pyarrow large_string array [rows].

    Whole numbers become their digits, 17850.0 included. Raises DataError naming file and row for an empty
    cell, and for a number that is not whole.
    """
    column = texts(batch, name)
    if column.null_count:
        empty = int(np.flatnonzero(_mask(column.is_null()))[0])
        raise batch.fault(
            empty, name, "no id", hint="fill the cell, or leave rows with no id out of the table"
        )
    return column


def encoded_ids(batch: Batch, name: str) -> Any:
    """Return column `name` as `ids` does, each distinct id once: a pyarrow dictionary array [rows].

    PlainCells, which have an id each, are returned as they are.
    """
    column = batch.columns[name]
    if not isinstance(column, pa.Array):
        return column
    if not pa.types.is_integer(column.type) or column.null_count:
        return ids(batch, name).dictionary_encode()
    # Only the distinct numbers become text.
    numbers = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(numbers.indices, numbers.dictionary.cast(pa.large_string()))


def texts(batch: Batch, name: str) -> Any:
    """Return column `name` as text, a pyarrow large_string array [rows], empty cells null.

    Raises DataError for a number that is not whole, for text of more than one line, which in a CSV tells of
    a quote left open, and for a column whose type has no such text.
    """
    column = batch.column(name)
    kind = column.type
    if pa.types.is_floating(kind):
        return _whole(batch, name, column)
    if _has_text(kind):
        text = _cast(batch, name, column, pa.large_string())
        if _has_line_break(text):
            broken = int(np.flatnonzero(_mask(pc.match_substring_regex(text, r"[\r\n]").fill_null(False)))[0])
            raise batch.fault(
                broken, name, "a line break in the cell", hint="remove it; is a quote left open?"
            )
        empty = pc.equal(text, "")
        return pc.if_else(empty, pa.scalar(None, pa.large_string()), text) if pc.any(empty).as_py() else text
    raise DataError(
        f"{batch.source}: column {name!r} is of type {kind}, which is no id or category",
        hint="write it as text or whole numbers",
    )


def numbers(batch: Batch, name: str) -> npt.NDArray[np.float64]:
    """Return column `name` as float64 [rows].

    Raises DataError naming file and row for what is no number, and for one outside +-LARGEST_VALUE.
    """
    values = _numbers(batch, name, _trimmed(batch, name))
    # Nulls come out as NaN, and NaN fails every comparison.
    _refuse_unusable(batch, name, ~(np.abs(values) <= LARGEST_VALUE))
    return values


def numbers_or_nan(batch: Batch, name: str) -> npt.NDArray[np.float64]:
    """Return column `name` as float64 [rows], NaN for an empty cell; DataError as `numbers`."""
    column = _trimmed(batch, name)
    if _is_text(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
    values = _numbers(batch, name, column)
    empty = _mask(column.is_null(nan_is_null=pa.types.is_floating(column.type)))
    _refuse_unusable(batch, name, ~empty & ~(np.abs(values) <= LARGEST_VALUE))
    return values


def instants(batch: Batch, name: str) -> npt.NDArray[np.int64]:
    """Return column `name` as microseconds since 1970 in UTC, int64 [rows]; times with no zone are UTC.

    Takes timestamps, dates, ISO 8601 text and whole epoch seconds. Raises DataError naming file and row
    for what is no time.
    """
    column = batch.column(name)
    kind = column.type
    if column.null_count:
        row = int(np.flatnonzero(_mask(column.is_null()))[0])
        raise batch.fault(row, name, "no time", hint="fill the cell or leave the row out")
    if _is_text(kind):
        return _text_instants(batch, name)
    every = np.arange(batch.rows)
    if pa.types.is_integer(kind):
        return _from_epoch(batch, name, column, every)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _from_arrow(batch, name, column, every, tz=getattr(kind, "tz", None))
    raise DataError(f"{batch.source}: column {name!r} is of type {kind}, which is no time", hint=_TIME_HINT)


def _trimmed(batch: Batch, name: str) -> Any:
    column = batch.column(name)
    if not _is_text(column.type):
        return column
    return pc.utf8_trim_whitespace(_cast(batch, name, column, pa.large_string()))


def _numbers(batch: Batch, name: str, column: Any) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = _cast(batch, name, column, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _refuse_unusable(batch: Batch, name: str, bad: npt.NDArray[np.bool_]) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise batch.fault(
            row, name, f"{_shown(batch, name, row)} is no usable number", hint="mend it or leave the row out"
        )


def _text_instants(batch: Batch, name: str) -> npt.NDArray[np.int64]:
    text = pc.utf8_trim_whitespace(_cast(batch, name, batch.column(name), pa.large_string()))
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")  # beyond microseconds
    epoch = _mask(pc.match_substring_regex(text, _EPOCH))
    zoned = _mask(pc.match_substring_regex(text, _ZONED))
    micros = np.empty(batch.rows, dtype=np.int64)
    for rows, tz in ((zoned, "UTC"), (~zoned & ~epoch, None)):
        where = np.flatnonzero(rows)
        micros[where] = _from_arrow(batch, name, text.take(pa.array(where)), where, tz=tz)
    where = np.flatnonzero(epoch)
    micros[where] = _from_epoch(batch, name, text.take(pa.array(where)), where)
    return micros


def _from_arrow(
    batch: Batch, name: str, column: Any, rows: npt.NDArray[np.intp], *, tz: str | None
) -> npt.NDArray[np.int64]:
    times = _cast(batch, name, column, pa.timestamp("us", tz=tz), rows=rows, hint=_TIME_HINT)
    micros: npt.NDArray[np.int64] = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return micros


def _from_epoch(batch: Batch, name: str, column: Any, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    seconds = _cast(batch, name, column, pa.int64(), rows=rows, hint=_TIME_HINT).to_numpy(
        zero_copy_only=False
    )
    bad = np.flatnonzero((seconds < EPOCH_SECONDS[0]) | (seconds > EPOCH_SECONDS[1]))
    if bad.size:
        row = int(rows[bad[0]])
        raise batch.fault(
            row,
            name,
            f"{_shown(batch, name, row)} is no time in epoch seconds",
            hint="epoch times are counted in seconds: divide milliseconds by 1000",
        )
    micros: npt.NDArray[np.int64] = seconds * _MICROS
    return micros


def _whole(batch: Batch, name: str, column: Any) -> Any:
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)  # null is NaN
    empty = np.isnan(values)
    bad = np.flatnonzero(~empty & ~((np.abs(values) <= _EXACT) & (values == np.floor(values))))
    if bad.size:
        row = int(bad[0])
        raise batch.fault(
            row,
            name,
            f"{values[row]} is no whole number",
            hint="write ids and categories as text; to ask by ranges of a number, give its column bins",
        )
    whole = np.where(empty, 0.0, values).astype(np.int64)
    return pa.array(whole, mask=empty).cast(pa.large_string())


def _cast(
    batch: Batch,
    name: str,
    column: Any,
    kind: Any,
    *,
    rows: npt.NDArray[np.intp] | None = None,
    hint: str = "mend the cell or leave the row out",
) -> Any:
    """Cast `column`, the cells of `batch` at `rows`, to `kind`; DataError names the first that resists."""

    def cast(cells: Any) -> Any:
        # Safe, bytes are checked to be UTF-8; numbers and times would only be refused for a lost digit.
        return pc.cast(cells, kind, safe=kind == pa.large_string())

    try:
        return cast(column)
    except ArrowError as error:
        at = _first_failure(column, cast)
        row = at if rows is None else int(rows[at])
        shown = _shown(batch, name, row)
        raise batch.fault(row, name, f"{shown} cannot be read as {_words(kind)}", hint=hint) from error


def _first_failure(column: Any, cast: Callable[[Any], Any]) -> int:
    """Return the index of the first cell that `cast` refuses, by halving: all before `low` pass."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            cast(column[low:middle])
        except ArrowError:
            high = middle
        else:
            low = middle
    return low


def _has_line_break(text: Any) -> bool:
    """Tell whether there is one in a large_string array, by one look at all of its bytes."""
    _, offsets, data = text.buffers()
    if not len(text) or data is None:
        return False
    ends = np.frombuffer(offsets, np.int64)[[text.offset, text.offset + len(text)]]
    written = data.slice(int(ends[0]), int(ends[1] - ends[0])).to_pybytes()
    return b"\n" in written or b"\r" in written


def _has_text(kind: Any) -> bool:
    exact = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    return exact or _is_text(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)


def _is_text(kind: Any) -> bool:
    checks = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary")
    return any(getattr(pa.types, check)(kind) for check in checks)


def _words(kind: Any) -> str:
    if pa.types.is_timestamp(kind) or pa.types.is_integer(kind):
        return "a time"
    return "a number" if pa.types.is_floating(kind) else "UTF-8 text"


def _shown(batch: Batch, name: str, row: int) -> str:
    value = batch.column(name)[row].as_py()
    return "an empty cell" if value is None else f"{value!r:.60}"


def _mask(column: Any) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return mask
