"""The query log: who asked for what, when, and how many rows came of it; JSON lines in a hash chain.

It holds no user id, no token and no answer. One process appends, the query API of the folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feddmf import ledger
from feddmf.errors import InputError
from feddmf.files import explain_os_error
from feddmf_party.tokens import Holder

__all__ = ["Asked", "QueryLog", "read_queries"]

_PRIVATE = 0o600
# Who asks for thousands of attributes needs no line of thousands of keys.
_MOST_KEYS = 100
_MEND = "the file was cut or edited; move it away to keep it, and a new log begins"


@dataclass(frozen=True)
class Asked:
    """What is written of one question.

    question: the kind of it; attributes: keys that peers published, and no other text; users: how many were
    asked about; rows: how many rows the answer has at most; refused: the kind of error that it ended in.
    """

    question: str
    run: str | None
    attributes: Sequence[str]
    users: int
    rows: int
    refused: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for the log."""
        return {
            "question": self.question,
            "run": self.run,
            "attributes": list(self.attributes[:_MOST_KEYS]),
            "attribute_count": len(self.attributes),
            "users": self.users,
            "rows": self.rows,
            "refused": self.refused,
        }


class QueryLog:
    """Appends to one party's query log, from any thread."""

    def __init__(self, path: Path) -> None:
        """Open the log; InputError names the first record that does not fit the chain."""
        self._path = path
        self._lock = threading.Lock()
        records = read_queries(path)
        self._number = len(records)
        self._head = records[-1]["hash"] if records else ledger.GENESIS

    def append(self, holder: Holder, asked: Asked) -> None:
        """Write down one question; it is on disk when this returns. LocalResourceError where that fails."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        content = {"at": now, "who": holder.name, "role": holder.role.value, **asked.as_dict()}
        with self._lock:
            record = ledger.chain(content, number=self._number, previous=self._head)
            with explain_os_error(self._path):
                _append_line(self._path, ledger.encode_line(record))
            self._number, self._head = self._number + 1, record["hash"]


def read_queries(path: Path) -> list[dict[str, Any]]:
    """Read a query log whole; InputError names the first record that was changed, or what is not one."""
    records = list(_records(path))
    try:
        ledger.verify(records)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", hint=_MEND) from error
    return records


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"cannot read the query log {path}: {error.strerror}", hint=_MEND) from error
    with lines:
        for number, line in enumerate(lines, 1):
            record = ledger.parse_line(line)
            if record is None:
                raise InputError(f"{path} line {number} is not a record of the query log", hint=_MEND)
            yield record


def _append_line(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _PRIVATE)
    size = os.fstat(descriptor).st_size
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(line)
        os.fsync(descriptor)
    except OSError:
        # What was not written whole is no record.
        os.ftruncate(descriptor, size)
        raise
    finally:
        os.close(descriptor)
