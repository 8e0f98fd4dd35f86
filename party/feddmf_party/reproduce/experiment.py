"""What an experiment is: rows first; plot and text are made from the rows alone, as they stand in the CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feddmf.progress import NOBODY, Progress

__all__ = ["Experiment", "Options", "Row", "Rows", "Told"]

# A row as it is written; floats are rounded to six decimals in the file.
Row = Mapping[str, str | int | float]
# Rows as they are read back from the file, everything text.
Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Options:
    """What a caller chooses.

    data_dir: where the data set is; seeds: one repetition each; quick: a small version that shows that the
    experiment runs, and no more; jobs: processes that share the work.
    """

    data_dir: Path | None = None
    dataset: str = "ml-latest-small"
    seeds: tuple[int, ...] = (0, 1, 2)
    quick: bool = False
    jobs: int = 1


@dataclass(frozen=True)
class Told:
    """Whom an experiment tells what it does: in words, and how far it is."""

    say: Callable[[str], None]
    progress: Progress = NOBODY


@dataclass(frozen=True)
class Experiment:
    """One published experiment.

    run: yields rows with exactly `columns`, and tells its second argument of each piece of work; plot: draws
    rows into a PNG; section: returns the Markdown below the heading `title`, with a verdict that says where
    the published claim held and where not. plot and section depend on the rows alone, so that the document
    can be checked against the committed CSV.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    run: Callable[[Options, Told], Iterator[Row]]
    plot: Callable[[Rows, Path], None]
    section: Callable[[Rows], str]
