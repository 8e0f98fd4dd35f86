"""Rankings as rows of a Parquet file, like those of predictions, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.files import replacing
from feddmf_party.answering import Backing
from feddmf_party.bulk import Ranked
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.prediction_table import written_schema

__all__ = ["write_ranked"]

_PRIVATE = 0o600
# Rows of a row group, but for the last: few enough to be held, enough to be read fast.
_GROUP = 1 << 18


def write_ranked(
    path: Path,
    parts: Iterator[Ranked],
    users: npt.NDArray[np.object_],
    backings: Sequence[Backing],
    *,
    metadata: Mapping[str, str],
) -> int:
    """Stream rankings to the Parquet file `path`, whole or not at all; return the number of rows.

    users: the id of each user code; backings: what is behind each attribute. LocalResourceError where the
    disk refuses.
    """
    schema = written_schema(metadata)
    attributes = [each.attribute for each in backings]
    keys, owners = [each.key for each in attributes], [each.owner for each in attributes]
    verdicts = [each.best.verdict for each in backings]
    names = [pa.array(texts, pa.string()) for texts in (users, keys, owners, verdicts)]
    # In the precision of scores, as everywhere else; nan where there is none.
    thresholds = np.array([each.threshold for each in backings], dtype=np.float32)
    written = 0
    with replacing(path, mode=_PRIVATE) as beside, parquet.ParquetWriter(beside, schema) as writer:
        for user, attribute, score in _groups(parts):
            codes: list[Any] = [pa.array(each) for each in (user, attribute, attribute, attribute)]
            *told, verdict = [texts.take(code) for texts, code in zip(names, codes, strict=True)]
            threshold = thresholds[attribute]
            above = pa.array(score > threshold, mask=np.isnan(threshold))
            table = pa.Table.from_arrays([*told, pa.array(score), above, verdict], schema=schema)
            writer.write_table(table, row_group_size=_GROUP)
            written += len(score)
    return written


def _groups(parts: Iterator[Ranked]) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield user codes, attribute places and scores of the parts together, a row group at once."""
    held: list[tuple[npt.NDArray[Any], ...]] = []
    rows = 0
    for part in parts:
        start = 0
        while start < len(part.scores):
            cut = slice(start, start + _GROUP - rows)
            held.append((part.users[cut], part.attributes[cut], part.scores[cut]))
            start += len(held[-1][0])
            rows += len(held[-1][0])
            if rows == _GROUP:
                yield [np.concatenate(arrays) for arrays in zip(*held, strict=True)]
                held, rows = [], 0
    if rows:
        yield [np.concatenate(arrays) for arrays in zip(*held, strict=True)]
