"""Predictions as rows: user, attribute, owner, probability or score; streamed to CSV or Parquet."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf_party.answering import Backing
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Block

__all__ = ["answers_of", "prediction_columns", "prediction_rows", "score_column", "write_predictions"]

_PRIVATE = 0o600
_SCORE_KIND = "feddmf.score_kind"


def score_column(score_kind: str) -> str:
    """Return the name of the column of scores: `probability` where they are such, else `score`."""
    return "probability" if score_kind == "probability" else "score"


def prediction_columns(score_kind: str) -> tuple[str, str, str, str]:
    """Return the names of a row's columns, given what the scores are."""
    return ("user", "attribute", "owner", score_column(score_kind))


def prediction_rows(block: Block, attributes: Sequence[Attribute]) -> list[tuple[str, str, str, float]]:
    """Return a block as rows of `prediction_columns`, users outermost."""
    return [
        (user, attribute.key, attribute.owner, float(score))
        for user, row in zip(block.users, block.probabilities, strict=True)
        for attribute, score in zip(attributes, row, strict=True)
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
                    None if threshold is None else bool(score > threshold),
                    float(apart) if len(attribute.owners) > 1 else None,
                ),
                strict=True,
            )
        )
        for user, scores, aparts in zip(block.users, block.probabilities, block.disagreement, strict=True)
        for (attribute, threshold), score, apart in zip(chosen, scores, aparts, strict=True)
    ]


def write_predictions(
    path: Path, blocks: Iterator[Block], attributes: Sequence[Attribute], *, metadata: Mapping[str, str]
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
        return write(beside, itertools.chain(first, blocks), attributes, metadata)


def _write_csv(
    path: Path, blocks: Iterator[Block], attributes: Sequence[Attribute], metadata: Mapping[str, str]
) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(prediction_columns(metadata[_SCORE_KIND]))
        for block in blocks:
            rows = prediction_rows(block, attributes)
            writer.writerows(rows)
            written += len(rows)
    return written


def _write_parquet(
    path: Path, blocks: Iterator[Block], attributes: Sequence[Attribute], metadata: Mapping[str, str]
) -> int:
    types = (pa.string(), pa.string(), pa.string(), pa.float32())
    fields = list(zip(prediction_columns(metadata[_SCORE_KIND]), types, strict=True))
    schema = pa.schema(fields, metadata=dict(metadata))
    keys = [attribute.key for attribute in attributes]
    owners = [attribute.owner for attribute in attributes]
    written = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            n = len(block.users)
            columns: list[Any] = [
                block.users.repeat(len(keys)),
                keys * n,
                owners * n,
                block.probabilities.ravel(),
            ]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += n * len(keys)
    return written
