"""Predictions as rows: who, what, whose, how much, and how far to trust it; streamed to CSV or Parquet."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf_party.answering import Backing
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.prediction import Block

__all__ = [
    "answers_of",
    "prediction_columns",
    "prediction_rows",
    "score_column",
    "write_predictions",
    "written_columns",
    "written_schema",
]

_PRIVATE = 0o600
_SCORE_KIND = "feddmf.score_kind"


def score_column(score_kind: str) -> str:
    """Return the name of the column of scores: `probability` where they are such, else `score`."""
    return "probability" if score_kind == "probability" else "score"


def prediction_columns(score_kind: str) -> tuple[str, str, str, str]:
    """Return the names of the columns that every row has, given what the scores are."""
    return ("user", "attribute", "owner", score_column(score_kind))


def written_columns(score_kind: str) -> tuple[str, ...]:
    """Return the names of a file's columns, given what the scores are."""
    return (*prediction_columns(score_kind), "above_threshold", "verdict")


def written_schema(metadata: Mapping[str, str]) -> Any:
    """Return the Arrow schema of a Parquet file of predictions; `feddmf.score_kind` must be told in it."""
    types = (pa.string(), pa.string(), pa.string(), pa.float32(), pa.bool_(), pa.string())
    fields = list(zip(written_columns(metadata[_SCORE_KIND]), types, strict=True))
    return pa.schema(fields, metadata=dict(metadata))


def prediction_rows(block: Block, backings: Sequence[Backing]) -> list[tuple[object, ...]]:
    """Return a block as rows of `written_columns`, users outermost; no threshold makes an empty cell."""
    chosen = [
        (each.attribute.key, each.attribute.owner, each.threshold, each.best.verdict) for each in backings
    ]
    return [
        (user, key, owner, float(score), _above(score, threshold), verdict)
        for user, row in zip(block.users, block.probabilities, strict=True)
        for (key, owner, threshold, verdict), score in zip(chosen, row, strict=True)
    ]


def answers_of(block: Block, backings: Sequence[Backing], score_kind: str) -> list[dict[str, Any]]:
    """Return a block as rows for programs, users outermost, with what each score comes to.

    above_threshold: None where no threshold was chosen; disagreement: None where there is one owner.
    """
    columns = (*prediction_columns(score_kind), "above_threshold", "disagreement")
    chosen = [(each.attribute, each.threshold) for each in backings]
    return [
        dict(
            zip(
                columns,
                (
                    *(user, attribute.key, attribute.owner, float(score)),
                    _above(score, threshold),
                    float(apart) if len(attribute.owners) > 1 else None,
                ),
                strict=True,
            )
        )
        for user, scores, aparts in zip(block.users, block.probabilities, block.disagreement, strict=True)
        for (attribute, threshold), score, apart in zip(chosen, scores, aparts, strict=True)
    ]


def write_predictions(
    path: Path, blocks: Iterator[Block], backings: Sequence[Backing], *, metadata: Mapping[str, str]
) -> int:
    """Stream predictions to `path` (.csv or .parquet), whole or not at all; return the number of rows.

    metadata: what a Parquet file says of them beside; `feddmf.score_kind` says what the scores are.
    InputError for another suffix, LocalResourceError where the disk refuses.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise InputError(f"cannot tell the format of {path}", hint="name a .csv or .parquet file")
    # An unknown user shows with the first block: before any folder is made.
    first = list(itertools.islice(blocks, 1))
    with replacing(path, mode=_PRIVATE) as beside:
        return write(beside, itertools.chain(first, blocks), backings, metadata)


def _write_csv(
    path: Path, blocks: Iterator[Block], backings: Sequence[Backing], metadata: Mapping[str, str]
) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(written_columns(metadata[_SCORE_KIND]))
        for block in blocks:
            rows = prediction_rows(block, backings)
            writer.writerows(rows)
            written += len(rows)
    return written


def _write_parquet(
    path: Path, blocks: Iterator[Block], backings: Sequence[Backing], metadata: Mapping[str, str]
) -> int:
    schema = written_schema(metadata)
    keys, owners, verdicts = zip(
        *((each.attribute.key, each.attribute.owner, each.best.verdict) for each in backings), strict=True
    )
    # In the precision of scores, as everywhere else; nan where there is none.
    thresholds = np.array([each.threshold for each in backings], dtype=np.float32)
    written = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            n = len(block.users)
            columns: list[Any] = [
                block.users.repeat(len(keys)),
                keys * n,
                owners * n,
                block.probabilities.ravel(),
                _masked(block.probabilities > thresholds, np.isnan(thresholds)),
                verdicts * n,
            ]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += n * len(keys)
    return written


def _masked(above: npt.NDArray[np.bool_], without: npt.NDArray[np.bool_]) -> Any:
    """Return [users, attributes] as one column, empty where an attribute is without a threshold."""
    return np.ma.masked_array(above, np.broadcast_to(without, above.shape)).ravel()


def _above(score: float, threshold: float | None) -> bool | None:
    return None if threshold is None else bool(score > threshold)
