"""Runs that came to nothing at this party: declined here, or failed on the way; when, why, and what to do."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from feddmf.errors import DataError, FedDMFError, InputError

__all__ = ["DECLINED", "FAILED", "RunEnd", "note_end", "run_ends"]

log = logging.getLogger(__name__)

DECLINED, FAILED = "declined", "failed"
"""What became of a run."""

_PRIVATE = 0o600
# A coordinator that asks for the same run again and again fills no disk.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class RunEnd:
    """How one run ended here; kind: of the error, as the command line names it; no user is named in it."""

    run: str
    at: str
    what: str
    why: str
    to_do: str
    kind: str

    def as_dict(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


def note_end(path: Path, run: str, what: str, error: FedDMFError) -> None:
    """Write down that `run` was declined or failed; people read it, and the node goes on without."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    end = RunEnd(run, at, what, *_told(error), type(error).__name__)
    try:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > _MOST_BYTES:
                path.replace(path.with_name(f"{path.name}.old"))
        path.touch(_PRIVATE)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(end.as_dict(), ensure_ascii=False) + "\n")
    except OSError as problem:
        log.warning("cannot write down how run %s ended: %s", run, problem)


def run_ends(path: Path, most: int = 20) -> tuple[RunEnd, ...]:
    """Return the last runs that came to nothing, the last first, each once; no line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    found: dict[str, RunEnd] = {}
    for line in reversed(lines):
        end = _parsed(line)
        if end is not None and len(found) < most:
            found.setdefault(end.run, end)
    return tuple(found.values())


def _told(error: FedDMFError) -> tuple[str, str]:
    """Return why and what to do; nothing of a table's row, whose user may be forgotten later."""
    if isinstance(error, DataError) or type(error) is InputError:
        return (
            "there is a mistake in this party's tables or files",
            "see the node's log, or ask feddmf doctor",
        )
    return error.message, error.hint


def _parsed(line: str) -> RunEnd | None:
    try:
        said = json.loads(line)
        return RunEnd(**{name: str(each) for name, each in said.items()})
    except (ValueError, TypeError, AttributeError):
        return None
