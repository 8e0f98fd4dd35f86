"""Predictions as rows: who, what, whose, how much, and how far to trust it; streamed to CSV or Parquet."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf_party.answering import Backing
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.prediction import Block

__all__ = [
    "FORMS",
    "Scored",
    "answers_of",
    "encoded_predictions",
    "prediction_columns",
    "prediction_rows",
    "score_column",
    "write_predictions",
    "written_columns",
    "written_schema",
]


class Scored(Protocol):
    """What a column of scores is of: an attribute with what is behind it, or several that are combined."""

    @property
    def key(self) -> str:
        """Its key, or the criteria in words."""
        ...

    @property
    def owner(self) -> str:
        """Who published it, in one text."""
        ...

    @property
    def threshold(self) -> float | None:
        """Above it a score is called positive; None where none was chosen."""
        ...

    @property
    def verdict(self) -> str:
        """How far the scores can be trusted."""
        ...


FORMS = ("csv", "parquet")
"""What a file of predictions can be."""

_PRIVATE = 0o600
# Rows that are text at once.
_PIECE_ROWS = 1 << 15
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


def prediction_rows(block: Block, columns: Sequence[Scored]) -> list[tuple[object, ...]]:
    """Return a block as rows of `written_columns`, users outermost; no threshold makes an empty cell."""
    chosen = [(each.key, each.owner, each.threshold, each.verdict) for each in columns]
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
    path: Path, blocks: Iterator[Block], columns: Sequence[Scored], *, metadata: Mapping[str, str]
) -> int:
    """Stream predictions to `path` (.csv or .parquet), whole or not at all; return the number of rows.

    metadata: what a Parquet file says of them beside; `feddmf.score_kind` says what the scores are.
    InputError for another suffix, LocalResourceError where the disk refuses.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise InputError(f"cannot tell the format of {path}", hint="name a .csv or .parquet file")
    # An unknown user shows with the first block: before any folder is made.
    first = list(itertools.islice(blocks, 1))
    written = 0

    def counted() -> Iterator[Block]:
        nonlocal written
        for block in itertools.chain(first, blocks):
            yield block
            written += block.probabilities.size

    with replacing(path, mode=_PRIVATE) as beside, beside.open("wb") as file:
        for piece in encoded_predictions(form, counted(), columns, metadata=metadata):
            file.write(piece)
    return written


def encoded_predictions(
    form: str, blocks: Iterator[Block], columns: Sequence[Scored], *, metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield predictions piece by piece as the bytes of a file; form: one of FORMS; metadata: see above."""
    encode = _csv_pieces if form == "csv" else _parquet_pieces
    return encode(blocks, columns, metadata)


def _csv_pieces(
    blocks: Iterator[Block], columns: Sequence[Scored], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(written_columns(metadata[_SCORE_KIND]))
    step = max(1, _PIECE_ROWS // len(columns))
    for block in blocks:
        for start in range(0, len(block.users), step):
            rows = slice(start, start + step)
            part = Block(block.users[rows], block.probabilities[rows], block.disagreement[rows])
            writer.writerows(prediction_rows(part, columns))
            yield _taken(text).encode()
    # The header alone, where there was no block.
    yield _taken(text).encode()


def _parquet_pieces(
    blocks: Iterator[Block], columns: Sequence[Scored], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    schema = written_schema(metadata)
    keys, owners, verdicts = zip(*((each.key, each.owner, each.verdict) for each in columns), strict=True)
    # In the precision of scores, as everywhere else; nan where there is none.
    thresholds = np.array([each.threshold for each in columns], dtype=np.float32)
    sink = _Drained()
    with parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for block in blocks:
            n = len(block.users)
            written: list[Any] = [
                block.users.repeat(len(keys)),
                keys * n,
                owners * n,
                block.probabilities.ravel(),
                _masked(block.probabilities > thresholds, np.isnan(thresholds)),
                verdicts * n,
            ]
            arrays = [pa.array(column, kind) for column, kind in zip(written, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Drained(io.RawIOBase):
    """Takes what a writer writes, and gives it out piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        whole, self._pieces = b"".join(self._pieces), []
        return whole


def _taken(text: io.StringIO) -> str:
    """Return what was written, and begin again."""
    whole = text.getvalue()
    text.seek(0)
    text.truncate()
    return whole


def _masked(above: npt.NDArray[np.bool_], without: npt.NDArray[np.bool_]) -> Any:
    """Return [users, attributes] as one column, empty where an attribute is without a threshold."""
    return np.ma.masked_array(above, np.broadcast_to(without, above.shape)).ravel()


def _above(score: float, threshold: float | None) -> bool | None:
    return None if threshold is None else bool(score > threshold)
