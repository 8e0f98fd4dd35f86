"""Loading a table of interactions: read, code, merge, rows; against pandas, and a second time."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.limits import copy_bytes_per_s
from feddmf_benchmarks.row import Row, Scale

__all__ = ["COLUMNS", "Table", "make", "rows", "rows_of"]

COLUMNS = ("userId", "movieId")

_ROWS = {Scale.SMALL: 200_000, Scale.USUAL: 5_000_000, Scale.FULL: 25_000_000}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Table:
    """A made-up table with the columns, sizes and order of MovieLens 25M: by user, each row with a time.

    text: whether ids are text, 12 letters for a user, or whole numbers.
    """

    rows: int
    text: bool
    users: int = 162_541
    items: int = 59_047

    def user(self, number: int) -> str | int:
        """Return the id of a user, which grows with its number."""
        return f"user-{number:07x}" if self.text else number + 1

    def item(self, number: int) -> str | int:
        """Return the id of an item."""
        return f"sku-{number * 3:06x}" if self.text else number * 3 + 1


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_ROWS[scale])


def rows_of(count: int, *, turns: int = 5) -> list[Row]:
    """Measure tables of `count` rows, with whole numbers and with text for ids."""
    folder = Path(tempfile.mkdtemp(prefix="feddmf-bench-"))
    # What this process ever held counts as held by those that it starts: it holds nothing large.
    context = multiprocessing.get_context("spawn")
    found = []
    try:
        with ProcessPoolExecutor(1, context) as elsewhere:
            copied = elsewhere.submit(copy_bytes_per_s).result()
            for table in (Table(count, text=False), Table(count, text=True)):
                path = folder / f"{'text' if table.text else 'numbers'}.csv"
                elsewhere.submit(make, table, path).result()
                found += _against_pandas(table, path, copied * count / path.stat().st_size, turns)
                if not table.text:
                    found += _again(table, path, folder / "kept", turns)
                path.unlink()
    finally:
        shutil.rmtree(folder)
    return found


def make(table: Table, path: Path) -> None:
    """Write the table to `path` as CSV."""
    import pyarrow as pa
    from pyarrow import csv

    random = np.random.default_rng(0)
    users, items = (
        pa.array([name(number) for number in range(count)])
        for name, count in ((table.user, table.users), (table.item, table.items))
    )
    options = csv.WriteOptions(quoting_style="none")
    writer = None
    try:
        for first in range(0, table.rows, _CHUNK):
            count = min(_CHUNK, table.rows - first)
            # A few users have much of the table, and a few items more of it.
            who = (np.arange(first, first + count) / table.rows) ** 1.5 * table.users
            what = random.random(count) ** 3 * table.items
            chunk = pa.table(
                {
                    COLUMNS[0]: users.take(pa.array(who.astype(np.int64))),
                    COLUMNS[1]: items.take(pa.array(what.astype(np.int64))),
                    "rating": random.integers(1, 11, count) / 2,
                    "timestamp": random.integers(800_000_000, 1_600_000_000, count),
                }
            )
            writer = writer or csv.CSVWriter(path, chunk.schema, write_options=options)
            writer.write(chunk)
    finally:
        if writer is not None:
            writer.close()


def _against_pandas(table: Table, path: Path, limit: float, turns: int) -> list[Row]:
    kind = f"{table.rows:,} rows, ids of {'text' if table.text else 'whole numbers'}"
    contenders = (
        Contender(f"FedDMF, {kind}", partial(_ours, table, path, None)),
        Contender(f"pandas with SciPy, {kind}", partial(_pandas, table, path, "load_by_summing")),
        Contender(f"pandas with drop_duplicates, {kind}", partial(_pandas, table, path, "load_by_dropping")),
    )
    ours, *baselines = compare(contenders, unit="rows/s", limit=limit, rounds=turns)
    return [
        *(
            replace(
                ours,
                name=f"FedDMF against {each.name}",
                baseline=each.name,
                ratio=ours.value / each.value,
            )
            for each in baselines
        ),
        *(replace(each, baseline="", ratio=None) for each in baselines),
    ]


def _again(table: Table, path: Path, folder: Path, turns: int) -> list[Row]:
    contenders = (
        Contender(f"second start, {table.rows:,} rows", partial(_ours, table, path, folder)),
        Contender(
            f"first start, {table.rows:,} rows", partial(_first, table, path, folder.with_name("first"))
        ),
    )
    return compare(contenders, unit="s", per_second=False, rounds=turns)


def _loader(table: Table, path: Path, folder: Path | None) -> Callable[[], bool]:
    from feddmf_party.data import InteractionsSettings, load_interactions

    settings = InteractionsSettings(path=path, user_column=COLUMNS[0], item_column=COLUMNS[1])
    items = [str(table.item(number)) for number in range(table.items)]

    def load() -> bool:
        return load_interactions(settings, items, keep_in=folder).kept

    return load


def _ours(table: Table, path: Path, folder: Path | None) -> Work:
    load = _loader(table, path, folder)

    def work() -> float:
        load()
        return table.rows

    return _warm(work)


def _first(table: Table, path: Path, folder: Path) -> Work:
    load = _loader(table, path, folder)

    def work() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        load()
        return table.rows

    return _warm(work)


def _warm(work: Work) -> Work:
    """Have ready what is compiled and imported on the way, as in a program that has loaded before."""
    work()
    return work


def _pandas(table: Table, path: Path, name: str) -> Work:
    from feddmf_benchmarks.baselines import pandas_loading

    load = getattr(pandas_loading, name)
    items = [table.item(number) for number in range(table.items)]

    def work() -> float:
        load(path, COLUMNS, items)
        return table.rows

    return _warm(work)
