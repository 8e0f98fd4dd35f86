"""What experiments leave: results/NAME.csv and NAME.png, and RESULTS.md, which is made of the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from feddmf.errors import InputError
from feddmf.files import read_text, write_text
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Rows, Told

__all__ = ["document", "perform", "read_rows"]

_DECIMALS = 6
_MARKS = ("version", "data_set")
_FULL, _QUICK = "full", "quick"
_AGAIN = "run the experiment again: feddmf reproduce"
_ONLY_QUICK = """\
**The quick version:** a part of the data, fewer rounds and seeds. It shows that the experiment runs; settings
and verdicts below are those of the full version and say nothing here.

"""
_INTRO = """\
# Results

Every table and verdict below is made from the rows in [results/](results), which the command above it has
written, with --out and this folder. Means and standard deviations are over seeds; each seed is another split
of users and items. F1 at .5 depends on the negatives drawn for each observed pair.
"""


def perform(experiment: Experiment, options: Options, folder: Path, told: Told) -> str:
    """Run `experiment`, write its rows and its plot under `folder`/results; return the section."""
    path = _rows_file(experiment, folder)
    marks = {"version": _QUICK if options.quick else _FULL, "data_set": options.dataset}
    write_text(path, _encode((*marks, *experiment.columns), experiment.run(options, told), marks))
    rows = read_rows(experiment, path)
    experiment.plot(rows, path.with_suffix(".png"))
    return _section(experiment, rows)


def read_rows(experiment: Experiment, path: Path) -> Rows:
    """Read the rows back as text; InputError where the file has other columns."""
    text = read_text(path, what=f"the rows of {experiment.name}", hint=f"{_AGAIN} {experiment.name}")
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != (*_MARKS, *experiment.columns):
        raise InputError(
            f"{path} has the columns {', '.join(reader.fieldnames or ())}",
            hint=f"{_AGAIN} {experiment.name}",
        )
    return tuple(reader)


def document(experiments: Sequence[Experiment], folder: Path, *, intro: str = _INTRO) -> str:
    """Return the page of those `experiments` whose rows are under `folder`/results, below `intro`."""
    parts = [intro]
    for experiment in experiments:
        path = _rows_file(experiment, folder)
        if not path.exists():
            continue
        parts.append(
            f"## {experiment.title}\n\n`feddmf reproduce {experiment.name}`\n\n"
            f"![{experiment.title}](results/{experiment.name}.png)\n\n"
            f"{_section(experiment, read_rows(experiment, path))}"
        )
    return "\n".join(parts)


def _section(experiment: Experiment, rows: Rows) -> str:
    """Return the experiment's section below a line that says of what its figures are."""
    first = rows[0]
    # An experiment that runs on several data sets, or on another than was asked for, says so in each row.
    column = next(name for name in ("data", "dataset", "data_set") if name in first)
    data = " and ".join(dict.fromkeys(row[column] for row in rows))
    seeds = len({row["seed"] for row in rows})
    line = f"On {data}; {seeds} seed{'s' if seeds > 1 else ''}.\n\n"
    warning = _ONLY_QUICK if first["version"] == _QUICK else ""
    return f"{line}{warning}{experiment.section(rows)}"


def _rows_file(experiment: Experiment, folder: Path) -> Path:
    return folder / "results" / f"{experiment.name}.csv"


def _encode(columns: tuple[str, ...], rows: Iterable[Row], marks: Row) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        marked = {**marks, **row}
        writer.writerow([_cell(marked[column]) for column in columns])
    return text.getvalue()


def _cell(value: str | float) -> str | float:
    return round(value, _DECIMALS) if isinstance(value, float) else value
