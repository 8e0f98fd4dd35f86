"""Files of audiences' users that were asked for: what is kept of each, and what became of it."""

from __future__ import annotations

import enum
import json
import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, ValidationError

from feddmf.config import Settings
from feddmf.errors import FedDMFError, InputError
from feddmf.files import explain_os_error, read_bytes, remove_unfinished, write_text
from feddmf_party.saved_files import erase_from

__all__ = ["AGAIN", "Export", "ExportFiles", "State", "erase_exports"]

_PRIVATE = 0o600
_ID = re.compile(r"[0-9a-f]{16}")
_ID_BYTES = 8

AGAIN = "export the audience again"
"""What to do about an export that is gone, or came to nothing."""


class State(enum.StrEnum):
    """What has become of an export."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self not in {State.WAITING, State.RUNNING}


class Export(Settings):
    """One file of an audience's users; it holds no user id.

    rows, size: of the file, once it is done; error, hint: why it failed.
    """

    id: str
    audience: str
    run: str
    format: str
    state: State
    by: str
    asked_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    rows: int = 0
    size: int = 0
    error: str = ""
    hint: str = ""

    @classmethod
    def asked(cls, audience: str, run: str, form: str, *, by: str) -> Export:
        """Return an export that waits for its turn."""
        return cls(
            id=secrets.token_hex(_ID_BYTES),
            audience=audience,
            run=run,
            format=form,
            state=State.WAITING,
            by=by,
            asked_at=datetime.now(UTC),
        )

    def running(self) -> Export:
        """Return it as it is worked on."""
        return self.model_copy(update={"state": State.RUNNING})

    def done(self, rows: int, size: int) -> Export:
        """Return it as it ended well, with so many rows and bytes."""
        return self._ended(State.DONE, rows=rows, size=size)

    def failed(self, error: FedDMFError) -> Export:
        """Return it as it ended, and why."""
        return self._ended(State.FAILED, error=error.message, hint=error.hint)

    def cancelled(self) -> Export:
        """Return it as somebody ended it."""
        return self._ended(State.CANCELLED)

    def _ended(self, state: State, **said: Any) -> Export:
        return self.model_copy(update={"state": state, "ended_at": datetime.now(UTC), **said})


class ExportFiles:
    """The folder of exports: ID.json says what one is, ID.csv or ID.parquet is its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Export]:
        """Return what is kept of exports, the last asked for first; what cannot be read is none."""
        found = (_load(path) for path in self.folder.glob("*.json"))
        known = [each for each in found if each is not None]
        return sorted(known, key=lambda each: (each.asked_at, each.id), reverse=True)

    def find(self, export: str) -> Export:
        """Return one export; InputError where there is none of that id."""
        found = _load(self.folder / f"{export}.json") if _ID.fullmatch(export) else None
        if found is None:
            raise InputError(
                "there is no such export",
                hint=f"its time is over, or somebody took back what it was of: {AGAIN}",
            )
        return found

    def path(self, export: Export) -> Path:
        """Return where the file of an export is, or comes to be."""
        return self.folder / f"{export.id}.{export.format}"

    def unfinished(self, export: Export) -> Path:
        """Return where its file is written, before it is whole and nobody has ended it."""
        return self.folder / f".{export.id}.{export.format}"

    def has(self, export: Export) -> bool:
        """Tell whether anything is kept of an export; whoever removes it does not wait for who writes it."""
        return self._record(export).is_file()

    def keep(self, export: Export) -> None:
        """Write down what is known of an export."""
        content = json.dumps(export.model_dump(mode="json"), indent=1) + "\n"
        write_text(self._record(export), content, mode=_PRIVATE)

    def remove(self, export: Export) -> None:
        """Remove an export: the file first, and last what says that there was one."""
        self.remove_file(export)
        with explain_os_error(self.folder):
            self._record(export).unlink(missing_ok=True)

    def remove_file(self, export: Export) -> None:
        """Remove what there is of its file, whole or not; what is known of the export stays."""
        for path in (self.unfinished(export), self.path(export)):
            with explain_os_error(path):
                path.unlink(missing_ok=True)

    def _record(self, export: Export) -> Path:
        return self.folder / f"{export.id}.json"

    def tidy(self) -> None:
        """Mend what an earlier process left; only who knows that nobody works here now may call it."""
        if not self.folder.is_dir():
            return
        remove_unfinished(self.folder)
        ended = InputError("the server ended before the file was whole", hint=AGAIN)
        exports = self.all()
        for export in exports:
            if not export.state.is_over:
                self.keep(export.failed(ended))
        known = {export.id for export in exports}
        for path in self.folder.iterdir():
            if path.is_file() and path.stem not in known:
                # A file that nobody can ask for any more, of users who may be forgotten one day.
                with explain_os_error(path):
                    path.unlink(missing_ok=True)

    def prune(self, *, days: float, most: int) -> None:
        """Remove exports that ended more than `days` ago, and the oldest where more than `most` are kept."""
        old = datetime.now(UTC) - timedelta(days=days)
        ended = [export for export in self.all() if export.ended_at is not None]
        for place, export in enumerate(ended):
            if place >= most or (export.ended_at is not None and export.ended_at < old):
                self.remove(export)


def erase_exports(files: ExportFiles, users: Collection[str]) -> dict[str, int]:
    """Take users out of every export; return by audience how many rows these were.

    Only who knows that nobody works in the folder may call it. A file that cannot be read goes as a whole.
    """
    files.tidy()
    erased: dict[str, int] = {}
    for export in files.all():
        if export.state is not State.DONE:
            continue
        path = files.path(export)
        try:
            gone = erase_from(path, users)
        except InputError:
            files.remove(export)
            continue
        if gone:
            # The record comes last: whoever dies in between finds no row the next time, and a count too high.
            files.keep(export.model_copy(update={"rows": export.rows - gone, "size": path.stat().st_size}))
            erased[export.audience] = erased.get(export.audience, 0) + gone
    return erased


def _load(path: Path) -> Export | None:
    try:
        return Export.model_validate_json(read_bytes(path, what="the export", hint=AGAIN))
    except (InputError, ValidationError):
        return None
