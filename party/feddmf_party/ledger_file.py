"""The egress ledger as a file of JSON lines that only grows; a record is on disk before it counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feddmf import ledger
from feddmf.errors import InputError
from feddmf.files import explain_os_error

__all__ = ["LedgerFile"]


class LedgerFile:
    """Appends to and reads one party's ledger."""

    def __init__(self, path: Path) -> None:
        """Open the ledger; InputError names the first record that does not fit the chain."""
        self._path = path
        self._number, self._head = 0, ledger.GENESIS
        records = list(self.records())
        self._head = ledger.verify(records)
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
        line = json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n"
        with explain_os_error(self._path):
            self._write(line.encode())
        self._number, self._head = self._number + 1, record["hash"]
        return int(record["number"])

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records in order; InputError names a line that is no record."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise InputError(
                        f"{self._path} line {number + 1} is not a ledger record",
                        hint="the file was cut or edited; restore it from a backup",
                    ) from error
                yield record

    def _write(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        size = os.fstat(descriptor).st_size
        try:
            # A full disk may take half a line: cut it off again, so that the chain stays readable.
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(28, "No space left on device")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
