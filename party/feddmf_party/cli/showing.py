"""How answers to queries are shown or written, with what stands behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.table import Table

from feddmf.cli.output import OutputFormat, say, show
from feddmf.cli.progress import LiveProgress
from feddmf.errors import InputError
from feddmf.progress import Tally
from feddmf_party.answering import Backing, warnings
from feddmf_party.prediction import Block
from feddmf_party.prediction_table import Scored, write_predictions
from feddmf_party.questions import Questions

__all__ = [
    "DIGITS",
    "about",
    "check_shown",
    "show_with",
    "warn",
    "write",
]

DIGITS = 4
"""Of scores: neighbours in a ranking differ behind the third."""
# More rows than this belong in a file.
_MOST_SHOWN = 1_000


def about(questions: Questions) -> dict[str, Any]:
    """Return which run was asked, and what its scores are."""
    return {"run": questions.run, "score_kind": questions.score_kind}


def check_shown(rows: int) -> None:
    """Raise InputError where there are more rows than anybody reads."""
    if rows > _MOST_SHOWN:
        raise InputError(f"{rows} rows are too many to show", hint="write them to a file with --out FILE.csv")


def show_with(data: Mapping[str, Any], output: OutputFormat, made: Table | str, lines: Sequence[str]) -> None:
    """Show the table, and below it what stands behind it."""
    show(data, output, lambda: made)
    if output is OutputFormat.TEXT and lines:
        show(data, output, lambda: "\n".join(lines))


def warn(backings: Sequence[Backing], *, evidence_shown: bool) -> None:
    """Say what a person must be told beside the answers."""
    for warning in warnings(backings, evidence_shown=evidence_shown):
        say(warning)


def write(
    out: Path,
    blocks: Iterator[Block],
    columns: Sequence[Scored],
    questions: Questions,
    output: OutputFormat,
    *,
    backings: Sequence[Backing],
    rows: int,
    told: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write scores to a file, and say how many rows it has; columns: what they are of, by what is behind.

    rows: how many there will be.
    """
    attributes = [backing.as_dict() for backing in backings]
    metadata = {
        "feddmf.run": questions.run,
        "feddmf.score_kind": questions.score_kind,
        "feddmf.attributes": json.dumps(attributes),
    }
    with LiveProgress() as progress:
        tally = Tally(progress, rows, "rows written")
        written = write_predictions(out, _told(blocks, tally), columns, metadata=metadata)
    data = {**about(questions), "file": str(out), "rows": written, "attributes": attributes, **told}
    show(data, output, lambda: f"{written} rows in {out}")


def _told(blocks: Iterator[Block], tally: Tally) -> Iterator[Block]:
    """Yield `blocks`; each is written when the next is asked for."""
    for block in blocks:
        yield block
        tally.add(block.probabilities.size)
