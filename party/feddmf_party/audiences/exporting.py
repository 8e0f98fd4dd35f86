"""Exports in the background: a few at a time, with how far they are, ended by whoever asks for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb

from feddmf.errors import FedDMFError, InputError, LocalResourceError
from feddmf.files import explain_os_error
from feddmf.progress import HowFar, Meter
from feddmf_party.audiences.exports import AGAIN, Export, ExportFiles, State
from feddmf_party.audiences.saved import SavedAudience
from feddmf_party.audiences.writing import write_audience
from feddmf_party.questions import Questions

__all__ = ["Exporter"]

log = logging.getLogger(__name__)

_AT_ONCE = 2
_MOST_WAITING = 20
_MOST_KEPT = 50
# Files go in time also where nobody asks for any.
_LOOK_S = 3_600.0
_MOMENT_S = 0.01

Check = Callable[[int], None]
Load = Callable[[str], Questions]


class _Ended(Exception):  # noqa: N818  (reads as what happened)
    """Somebody ended the export on its way."""


@dataclass
class _Job:
    """An export that is not over; the record is of the lock of its exporter."""

    export: Export
    meter: Meter = field(default_factory=Meter)
    ended: threading.Event = field(default_factory=threading.Event)

    def show(self, done: int, total: int | None, what: str) -> None:
        """Take in how far it is; end it, where somebody has asked for that."""
        if self.ended.is_set():
            raise _Ended
        self.meter.show(done, total, what)


class Exporter:
    """Writes the users of saved audiences into files, for one party's folder and one process.

    load: returns the questions to a run by its id; check: raises PolicyError for too many rows; days: returns
    for how long a file is kept. Whoever opens it closes it.
    """

    def __init__(self, files: ExportFiles, load: Load, check: Check, days: Callable[[], float]) -> None:
        self._files, self._load, self._check, self._days = files, load, check, days
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="export")
        self._closing = threading.Event()

    def open(self) -> None:
        """Mend what an earlier process left, and look after the files from now on; only one process may."""
        self._files.tidy()
        threading.Thread(target=self._look_after, name="exports", daemon=True).start()

    def start(self, audience: SavedAudience, form: str, *, by: str) -> Export:
        """Begin an export; it waits where others are written.

        LocalResourceError where too many wait, or the disk refuses; PolicyError for too many rows.
        """
        self._check(audience.users)
        self._prune(_MOST_KEPT - 1)
        with self._lock:
            if len(self._jobs) >= _AT_ONCE + _MOST_WAITING:
                raise LocalResourceError("too many exports wait", hint="ask again when some are over")
            export = Export.asked(audience.name, audience.run, form, by=by)
            self._files.keep(export)
            self._jobs[export.id] = job = _Job(export)
            self._pool.submit(self._work, job, audience)
        return export

    def all(self) -> list[tuple[Export, HowFar | None]]:
        """Return all exports that are kept, the last asked for first; how far those are that are not over."""
        self._prune(_MOST_KEPT)
        return [self._with_how_far(export) for export in self._files.all()]

    def find(self, export: str) -> tuple[Export, HowFar | None]:
        """Return one export, and how far it is; InputError where there is none of that id."""
        return self._with_how_far(self._files.find(export))

    def file(self, export: Export) -> Path:
        """Return the file of an export; InputError where it is not done."""
        if export.state is not State.DONE:
            raise InputError(
                f"this export is {export.state}", hint=export.hint or "a file is there once it is done"
            )
        return self._files.path(export)

    def remove(self, export: str) -> Export:
        """End an export that is not over, or remove one that is, with its file; return what it is now."""
        with self._lock:
            job = self._jobs.get(export)
            if job is not None:
                job.ended.set()
                return job.export.cancelled()
            found = self._files.find(export)
            self._files.remove(found)
            return found

    def remove_of(self, audience: str) -> None:
        """End and remove all exports of an audience."""
        for export in self._files.all():
            if export.audience == audience:
                with self._lock:
                    job = self._jobs.get(export.id)
                    if job is not None:
                        job.ended.set()
                    self._files.remove(export)

    def close(self, *, within_s: float = 0.0) -> None:
        """End all exports, and take no more; wait for what runs, at most so long.

        No file comes to be after this, however long one takes to notice.
        """
        with self._lock:
            self._closing.set()
            for job in self._jobs.values():
                job.ended.set()
        self._pool.shutdown(wait=False)
        until = time.monotonic() + within_s
        while self._jobs and time.monotonic() < until:
            time.sleep(_MOMENT_S)

    def _prune(self, most: int) -> None:
        self._files.prune(days=self._days(), most=most)

    def _look_after(self) -> None:
        """Remove files whose time is over, now and then."""
        while not self._closing.is_set():
            try:
                self._prune(_MOST_KEPT)
            except FedDMFError as error:
                log.warning("exports are not looked after: %s", error.message)
            self._closing.wait(_LOOK_S)

    def _with_how_far(self, export: Export) -> tuple[Export, HowFar | None]:
        with self._lock:
            job = self._jobs.get(export.id)
        if job is None or export.state.is_over:
            return export, None
        return job.export, job.meter.look()

    def _work(self, job: _Job, audience: SavedAudience) -> None:
        try:
            self._begin(job)
            over = self._write(job, audience)
        except _Ended:
            over = self._as_ended(job)
        except FedDMFError as error:
            over = job.export.failed(error)
        except Exception as error:  # noqa: BLE001  (the last net of a thread: a defect becomes its end)
            last = extract_tb(error.__traceback__)[-1]
            # Where it is, and not what it said, which may name a user.
            log.error("a defect of ours: %s at %s:%s", type(error).__name__, last.filename, last.lineno)  # noqa: TRY400
            over = job.export.failed(_DEFECT)
        with self._lock:
            self._end(job, over)
            del self._jobs[job.export.id]

    def _begin(self, job: _Job) -> None:
        with self._lock:
            job.show(0, None, "users scored")
            job.export = job.export.running()
            self._keep(job.export)

    def _write(self, job: _Job, audience: SavedAudience) -> Export:
        path = self._files.unfinished(job.export)
        rows = write_audience(path, audience, self._load(audience.run), job, self._check)
        return job.export.done(rows, path.stat().st_size)

    def _end(self, job: _Job, over: Export) -> None:
        """Put the file of an export that is done in its place, unless somebody has ended it by now."""
        if over.state is State.DONE and job.ended.is_set():
            over = self._as_ended(job)
        try:
            if over.state is State.DONE and self._files.has(over):
                with explain_os_error(self._files.path(over)):
                    self._files.unfinished(over).replace(self._files.path(over))
            else:
                self._files.remove_file(over)
        except LocalResourceError as error:
            log.warning("%s", error.message)
            over = over.failed(error) if over.state is State.DONE else over
        self._keep(over)

    def _as_ended(self, job: _Job) -> Export:
        return job.export.failed(_CLOSED) if self._closing.is_set() else job.export.cancelled()

    def _keep(self, export: Export) -> None:
        """Write a record down where one is, which somebody may have removed meanwhile.

        Where the disk refuses, it says what was before, which a next start mends.
        """
        if not self._files.has(export):
            return
        try:
            self._files.keep(export)
        except LocalResourceError as error:
            log.warning("%s", error.message)


_CLOSED = InputError("the server ended before the file was whole", hint=AGAIN)
_DEFECT = FedDMFError("internal error", hint="this is a defect of ours; the server's log says where")
