"""The query log: a hash chain that only grows, from many threads, and says where it was changed."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feddmf.errors import InputError, LocalResourceError
from feddmf_party.query_log import Asked, QueryLog, read_queries
from feddmf_party.tokens import Holder, Role

ANN = Holder(name="ann", role=Role.ANALYST)


def asked(rows: int, keys: tuple[str, ...] = ("pen",)) -> Asked:
    """Return a question whose answer has so many rows."""
    return Asked("predictions", "r-1", keys, rows, rows)


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Opened again, records follow one another; no file is no record."""
    path = tmp_path / "queries.jsonl"
    assert read_queries(path) == []
    QueryLog(path).append(ANN, asked(1))
    QueryLog(path).append(ANN, asked(2))
    records = read_queries(path)
    assert [(each["number"], each["who"], each["role"], each["rows"]) for each in records] == [
        (0, "ann", "analyst", 1),
        (1, "ann", "analyst", 2),
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_threads_write_one_after_the_other(tmp_path: Path) -> None:
    """No record is lost, and the chain is whole."""
    log = QueryLog(tmp_path / "log")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda rows: log.append(ANN, asked(rows)), range(40)))
    assert sorted(each["rows"] for each in read_queries(tmp_path / "log")) == list(range(40))


def test_many_keys_are_counted(tmp_path: Path) -> None:
    """The first hundred are named."""
    QueryLog(tmp_path / "log").append(ANN, asked(1, tuple(map(str, range(300)))))
    (record,) = read_queries(tmp_path / "log")
    assert (len(record["attributes"]), record["attribute_count"]) == (100, 300)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [lines[0], lines[2]], "record 1 does not follow"),
        (lambda lines: [lines[1], lines[0], lines[2]], "record 0 does not follow"),
        (lambda lines: [lines[0], lines[1].replace(b'"rows": 1', b'"rows": 7'), lines[2]], "record 1 was ch"),
        (lambda lines: [*lines[:2], lines[2][:-9]], "line 3 is not a record"),
        (lambda lines: [lines[0], b"\xff\n"], "line 2 is not a record"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(tmp_path: Path, damage: object, message: str) -> None:
    """Deleted, reordered, edited or cut: the log is not opened over it."""
    path = tmp_path / "log"
    log = QueryLog(path)
    for rows in range(3):
        log.append(ANN, asked(rows))
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    for read in (read_queries, QueryLog):
        with pytest.raises(InputError, match=re.escape(message)):
            read(path)  # type: ignore[operator]


def test_what_is_not_on_disk_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses leaves the log as it was, and the next record fits."""
    path = tmp_path / "log"
    log = QueryLog(path)
    log.append(ANN, asked(1))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(LocalResourceError, match="No space left"):
            log.append(ANN, asked(2))
    assert path.read_bytes() == before
    log.append(ANN, asked(3))
    assert [each["rows"] for each in read_queries(path)] == [1, 3]
