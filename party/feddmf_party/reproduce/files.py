"""What experiments leave: results/NAME.csv and NAME.png, and RESULTS.md, which is made of the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from feddmf.errors import InputError
from feddmf.files import read_text, write_text
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Rows

__all__ = ["document", "perform", "read_rows"]

_DECIMALS = 6
_AGAIN = "run the experiment again: feddmf reproduce"
_INTRO = """\
# Results

Every table and verdict below is made from the rows in [results/](results), which the command above it has
written: without --quick, and with --out and this folder. Means and standard deviations are over seeds; each
seed is another split of users and items. F1 at .5 depends on the negatives drawn for each observed pair.
"""


def perform(experiment: Experiment, options: Options, folder: Path, say: Callable[[str], None]) -> str:
    """Run `experiment`, write its rows and its plot under `folder`/results; return the section."""
    path = _rows_file(experiment, folder)
    write_text(path, _encode(experiment.columns, experiment.run(options, say)))
    rows = read_rows(experiment, path)
    experiment.plot(rows, path.with_suffix(".png"))
    return experiment.section(rows)


def read_rows(experiment: Experiment, path: Path) -> Rows:
    """Read the rows back as text; InputError where the file has other columns."""
    text = read_text(path, what=f"the rows of {experiment.name}", hint=f"{_AGAIN} {experiment.name}")
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != experiment.columns:
        raise InputError(
            f"{path} has the columns {', '.join(reader.fieldnames or ())}",
            hint=f"{_AGAIN} {experiment.name}",
        )
    return tuple(reader)


def document(experiments: Sequence[Experiment], folder: Path) -> str:
    """Return RESULTS.md of those `experiments` whose rows are under `folder`/results."""
    parts = [_INTRO]
    for experiment in experiments:
        path = _rows_file(experiment, folder)
        if not path.exists():
            continue
        parts.append(
            f"## {experiment.title}\n\n`feddmf reproduce {experiment.name}`\n\n"
            f"![{experiment.title}](results/{experiment.name}.png)\n\n"
            f"{experiment.section(read_rows(experiment, path))}"
        )
    return "\n".join(parts)


def _rows_file(experiment: Experiment, folder: Path) -> Path:
    return folder / "results" / f"{experiment.name}.csv"


def _encode(columns: tuple[str, ...], rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue()


def _cell(value: str | float) -> str | float:
    return round(value, _DECIMALS) if isinstance(value, float) else value
