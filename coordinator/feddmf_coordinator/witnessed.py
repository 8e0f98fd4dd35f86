"""Where each party's ledger ended when the coordinator last heard of it, read from the coordinator's own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feddmf.errors import InputError
from feddmf.files import explain_os_error
from feddmf.ledger import RESET_EVENT, parse_line

__all__ = ["LedgerEnd", "LedgerEnds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LedgerEnd:
    """A party's ledger had `length` records and ended in `head` when the coordinator signed for it."""

    length: int
    head: str
    at: datetime


class LedgerEnds:
    """Reads what was appended since it looked last; threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read, self._last = 0, b""
        self._ends: dict[str, LedgerEnd] = {}
        self._lock = threading.Lock()

    def look(self) -> dict[str, LedgerEnd]:
        """Return the end of each party's ledger; of one that was let go on from another, what it told since.

        Raises InputError where the file holds something else than records.
        """
        with self._lock:
            if not self._path.exists():
                return {}
            with explain_os_error(self._path), self._path.open("rb") as file:
                file.seek(self._read - len(self._last))
                # Another file may stand in its place, as after a restored backup.
                if file.read(len(self._last)) != self._last:
                    self._read, self._last, self._ends = 0, b"", {}
                file.seek(self._read)
                for line in file:
                    # What is being appended at this moment is read at the next look.
                    if not line.endswith(b"\n"):
                        break
                    self._take(parse_line(line))
                    self._read, self._last = self._read + len(line), line
            return dict(self._ends)

    def _take(self, record: Mapping[str, Any] | None) -> None:
        if record is None:
            raise self._damaged()
        party = str(record.get("party"))
        if record.get("event") == RESET_EVENT:
            self._ends.pop(party, None)
        elif record.get("event") == "receipt":
            try:
                at = _EPOCH + timedelta(milliseconds=int(record["at_ms"]))
                told = LedgerEnd(int(record["length"]), str(record["head"]), at)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise self._damaged() from error
            known = self._ends.get(party)
            if known is None or told.length >= known.length:
                self._ends[party] = told

    def _damaged(self) -> InputError:
        return InputError(
            f"{self._path} holds a line that is no record",
            hint="restore the file from a backup; see: feddmf audit verify",
        )
