"""The users of a saved audience in a file, part by part, with how far that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from feddmf.progress import NOBODY, Progress
from feddmf_party.audiences.saved import SavedAudience, draw
from feddmf_party.prediction import Block
from feddmf_party.prediction_table import write_predictions
from feddmf_party.questions import Questions

__all__ = ["write_audience"]

# Rows that are written at once: what is ended ends after so many.
_PART = 1 << 15


def write_audience(
    path: Path,
    audience: SavedAudience,
    questions: Questions,
    progress: Progress = NOBODY,
    check: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the users of an audience to `path` (.csv or .parquet), best first, whole or not at all.

    The columns are those of `feddmf query audience --out`. check: is told how many rows these are before the
    first is written, and may raise. Returns the number of rows. Errors as `draw` and `write_predictions`.
    """
    progress.show(0, None, "users scored")
    wanted, found = draw(audience, questions)
    rows = len(found.block.users)
    check(rows)
    metadata = {
        "feddmf.run": questions.run,
        "feddmf.score_kind": questions.score_kind,
        "feddmf.attributes": json.dumps([backing.as_dict() for backing in wanted.backings]),
        "feddmf.audience": json.dumps(audience.as_dict()),
    }
    return write_predictions(path, _parts(found.block, progress), [wanted], metadata=metadata)


def _parts(block: Block, progress: Progress) -> Iterator[Block]:
    """Yield a block in parts; each is over when the next is asked for."""
    total = len(block.users)
    for start in range(0, total, _PART):
        progress.show(start, total, "rows written")
        rows = slice(start, start + _PART)
        yield Block(block.users[rows], block.probabilities[rows], block.disagreement[rows])
    progress.show(total, total, "rows written")
