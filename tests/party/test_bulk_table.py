"""Rankings as a Parquet file: rows, row groups, metadata; whole or absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import LocalResourceError
from feddmf_party import bulk_table
from feddmf_party.answering import Backing
from feddmf_party.bulk import Ranked
from feddmf_party.bulk_table import write_ranked
from feddmf_party.data.arrow import parquet
from feddmf_party.offered import Attribute
from feddmf_party.trust import UNMEASURED, Trust

USERS = np.array(["ann", "bob", "cat"], dtype=object)
BOLT = Trust("r-1", "bolt", "use", (), threshold=0.5)
CARGO = Trust("r-1", "cargo", UNMEASURED, ("no hidden items",))
BACKINGS = [
    Backing(Attribute("pen", "", ("bolt", "cargo"), ()), (BOLT, CARGO), (0.5, 0.5)),
    Backing(Attribute("cup", "", ("bolt",), ()), (BOLT,), (1.0,)),
]


def parts(*cells: tuple[int, int, float]) -> Iterator[Ranked]:
    """Yield one ranking a cell: user, attribute, score."""
    for user, attribute, score in cells:
        yield Ranked(
            np.array([user], np.int32), np.array([attribute], np.int32), np.array([score], np.float32)
        )


CELLS = ((2, 0, 0.5), (0, 0, 0.25), (1, 1, 1.0), (0, 1, 0.75), (2, 1, 0.5))


def write(path: Path, cells: Iterator[Ranked]) -> int:
    """Write cells with some metadata."""
    metadata = {"feddmf.run": "r-1", "feddmf.score_kind": "probability"}
    return write_ranked(path, cells, USERS, BACKINGS, metadata=metadata)


def test_rows_are_those_of_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """User, attribute, owner and score, in row groups of about one size, for the owner's eyes alone."""
    monkeypatch.setattr(bulk_table, "_GROUP", 2)
    path = tmp_path / "new" / "best.parquet"
    assert write(path, parts(*CELLS)) == 5
    names = ("user", "attribute", "owner", "probability", "above_threshold", "verdict")
    # Without a threshold of all its owners nothing is above or below.
    rows = [(user, "pen", "bolt, cargo", score, None, "use") for user, score in (("cat", 0.5), ("ann", 0.25))]
    rows += [(user, "cup", "bolt", score, True, "use") for user, score in (("bob", 1.0), ("ann", 0.75))]
    rows += [("cat", "cup", "bolt", 0.5, False, "use")]
    assert parquet.read_table(path).to_pylist() == [dict(zip(names, row, strict=True)) for row in rows]
    kept = parquet.ParquetFile(path)
    assert kept.metadata.num_row_groups == 3
    assert kept.schema_arrow.metadata[b"feddmf.run"] == b"r-1"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_large_part_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a row group is held as text, in whatever parts the rows come."""
    monkeypatch.setattr(bulk_table, "_GROUP", 2)
    users, attributes, scores = (np.array(each) for each in zip(*CELLS, strict=True))
    large = Ranked(users.astype(np.int32), attributes.astype(np.int32), scores.astype(np.float32))
    cut = list(bulk_table._groups(iter([*parts((1, 0, 0.125)), large])))
    assert [[array.tolist() for array in group] for group in cut] == [
        [[1, 2], [0, 0], [0.125, 0.5]],
        [[0, 1], [0, 1], [0.25, 1.0]],
        [[0, 2], [1, 1], [0.75, 0.5]],
    ]
    write(tmp_path / "cut.parquet", iter([large]))
    write(tmp_path / "best.parquet", parts(*CELLS))
    assert parquet.read_table(tmp_path / "cut.parquet").equals(parquet.read_table(tmp_path / "best.parquet"))


def test_nothing_is_a_file_without_rows(tmp_path: Path) -> None:
    """With its columns."""
    assert write(tmp_path / "best.parquet", parts()) == 0
    assert parquet.read_table(tmp_path / "best.parquet").num_rows == 0


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    """Where what is written breaks off, nothing is left, not even a folder made for it."""

    def broken() -> Iterator[Ranked]:
        yield from parts(*CELLS)
        raise OSError(28, "no space")

    with pytest.raises(LocalResourceError, match=r"cannot write .*best\.parquet: No space left"):
        write(tmp_path / "new" / "best.parquet", broken())
    assert not list(tmp_path.iterdir())
