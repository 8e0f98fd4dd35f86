"""The egress ledger as a file of JSON lines that only grows; a record is on disk before it counts."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feddmf import ledger
from feddmf.errors import InputError
from feddmf.files import explain_os_error, write_bytes

__all__ = ["LedgerFile"]


class LedgerFile:
    """Appends to and reads one party's ledger."""

    def __init__(self, path: Path) -> None:
        """Open the ledger; InputError names the first record that does not fit the chain."""
        self._path = path
        self._number, self._head = 0, ledger.GENESIS
        records = list(self.records())
        try:
            self._head = ledger.verify(records)
        except InputError as error:
            raise InputError(f"{self._path}: {error.message}", hint=error.hint) from error
        self._number = len(records)

    def __len__(self) -> int:
        return self._number

    @property
    def head(self) -> str:
        """Hash of the last record."""
        return self._head

    def append(self, content: Mapping[str, Any]) -> int:
        """Add a record with the time; return its number. It is fsynced when this returns."""
        stamped = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **content}
        record = ledger.chain(stamped, number=self._number, previous=self._head)
        with explain_os_error(self._path):
            self._write(_line(record))
        self._number, self._head = self._number + 1, record["hash"]
        return int(record["number"])

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records in order; InputError names a line that is no record."""
        if not self._path.exists():
            return
        if not self._path.is_file():
            raise InputError(f"{self._path} is not a file", hint="restore the ledger from a backup")
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines):
                record = _parse(line)
                if record is None:
                    raise InputError(
                        f"{self._path} line {number + 1} is not a ledger record",
                        hint="the file was cut or edited; restore it from a backup",
                    )
                yield record

    def _write(self, line: bytes) -> None:
        if not self._path.exists():
            write_bytes(self._path, b"", mode=0o600)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        size = os.fstat(descriptor).st_size
        try:
            _write_whole(descriptor, line)
            os.fsync(descriptor)
        except OSError:
            # What does not count must not stay: a full disk may take half a line, or a whole one unsynced.
            os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line exactly as it was written; None for anything else, a cut line too."""
    try:
        record = json.loads(line)
        whole = isinstance(record, dict) and _line(record) == line
    except (ValueError, RecursionError):
        return None
    return record if whole else None
