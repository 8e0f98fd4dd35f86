"""What all requests share: the folder, the runs that are loaded, the threads that compute, the query log."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from feddmf.errors import FedDMFError, InputError, LocalResourceError, TimedOut
from feddmf.web.limits import RateLimit
from feddmf.web.problems import Problem
from feddmf_party.audiences.exporting import Exporter
from feddmf_party.audiences.exports import ExportFiles
from feddmf_party.audiences.saved import AudienceStore
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import name_of
from feddmf_party.policy import Policy
from feddmf_party.quality_report import PeerQuality, quality_of
from feddmf_party.query_log import Asked, QueryLog
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder, latest_run
from feddmf_party.score_filling import ScoreFiller
from feddmf_party.tokens import Holder, TokenFile

__all__ = ["Desk", "LoadedRun", "Note", "SharedDesk"]

Found = TypeVar("Found")

# Runs that are held at once; each costs about what its folder does on disk.
_RUNS_HELD = 2
# A question computes on one core; one scores at a time in each run.
_THREADS = 4
_MOST_WAITING = 32
_ANSWER_S = 60.0
_STOP_S = 5.0
# By one token: whoever is refused all the time fills no disk.
_REFUSALS_PER_MINUTE = 60


class LoadedRun:
    """A finished run in memory; what it says of its peers is measured once."""

    def __init__(self, kept: RunFolder, most_score_bytes: int = 0) -> None:
        self.questions = Questions(kept, most_score_bytes=most_score_bytes)
        self._kept = kept
        self._quality: tuple[PeerQuality, ...] | None = None
        self._measuring = threading.Lock()

    def quality(self) -> tuple[PeerQuality, ...]:
        """Return what the run says of each peer."""
        with self._measuring:
            if self._quality is None:
                self._quality = quality_of(self._kept)
            return self._quality


@dataclass
class Note:
    """What is known so far of a question, for the log."""

    question: str
    run: str | None = None
    attributes: Sequence[str] = field(default_factory=tuple)
    users: int = 0
    rows: int = 0

    def asked(self, refused: str | None = None) -> Asked:
        """Return what is written down."""
        return Asked(self.question, self.run, self.attributes, self.users, self.rows, refused)


class Desk:
    """One party's folder, asked by many."""

    def __init__(self, folder: PartyFolder, *, answer_s: float = _ANSWER_S) -> None:
        self.folder = folder
        self.tokens = TokenFile(folder.tokens)
        self.audiences = AudienceStore(folder.audiences)
        self.exporter = Exporter(
            ExportFiles(folder.exports),
            self._questions,
            self._check_rows,
            lambda: self.policy().queries.export_days,
        )
        self._log = QueryLog(folder.query_log)
        self._answer_s = answer_s
        self._runs: OrderedDict[tuple[str, int], LoadedRun] = OrderedDict()
        self._loading = threading.Lock()
        self._refusals, self._refusing = RateLimit(), threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")
        self._places = threading.Semaphore(_THREADS + _MOST_WAITING)
        self._answering, self._counting = 0, threading.Lock()
        self._filler = ScoreFiller(lambda: self._questions(None), lambda: self._answering > 0)

    def fill_scores(self) -> None:
        """Begin to compute scores beforehand, if the party's settings say so."""
        scores = self.folder.settings().scores
        if scores.fill and scores.most_bytes:
            self._filler.start()

    def name(self) -> str:
        """Return whose desk it is: the party's id, the folder's name before it has enrolled."""
        return name_of(self.folder.path)

    def policy(self) -> Policy:
        """Return the policy as it stands in the folder now."""
        return self.folder.policy()

    def loaded(self, run: str | None) -> LoadedRun:
        """Return a finished run, the one that finished last without a name; loaded where it is not yet.

        A problem with status 404 where there is none, 500 where its files are damaged.
        """
        try:
            kept = latest_run(self.folder.runs, run)
        except InputError as error:
            raise Problem(404, error) from error
        with self._loading:
            # A run that was kept again is another one, and so is one of which a peer took something back.
            key = (kept.path.name, kept.version)
            found = self._runs.pop(key, None)
            if found is None:
                while len(self._runs) >= _RUNS_HELD:
                    self._runs.popitem(last=False)
                found = _load(kept, self.folder.settings().scores.most_bytes)
            self._runs[key] = found
            return found

    def _check_rows(self, rows: int) -> None:
        """Raise PolicyError where so many are more than the policy allows just now."""
        self.policy().queries.check_rows(rows)

    def _questions(self, run: str | None) -> Questions:
        """Return the questions to a run, as `loaded`; InputError where it is not there, or damaged."""
        try:
            return self.loaded(run).questions
        except Problem as problem:
            raise problem.error from problem

    @contextmanager
    def noting(self, holder: Holder, question: str) -> Iterator[Note]:
        """Write the question down once its answer is known, or why it was refused: before either is told."""
        note = Note(question)
        try:
            yield note
        except (FedDMFError, Problem) as error:
            told = error.error if isinstance(error, Problem) else error
            self._log.append(holder, note.asked(refused=type(told).__name__))
            raise
        self._log.append(holder, note.asked())

    def note_refused(self, holder: Holder, question: str, error: FedDMFError) -> None:
        """Write down what `holder` was refused before anything was asked; of many a minute the first."""
        with self._refusing:
            is_flood = self._refusals.wait_s(holder.name, _REFUSALS_PER_MINUTE) > 0
        if not is_flood:
            self._log.append(holder, Note(question).asked(refused=type(error).__name__))

    async def work(self, compute: Callable[[], Found], *, begun: bool = False) -> Found:
        """Compute in a thread; a problem with status 503 where too many wait, 504 where it takes too long.

        begun: the answer is on its way, and this is a part of it: nobody is refused any more. A thread cannot
        be stopped: what takes too long keeps its place until it has ended.
        """
        if not begun and not self._places.acquire(blocking=False):
            busy = LocalResourceError("too many questions wait for an answer", hint="ask again in a while")
            raise Problem(503, busy, {"Retry-After": "5"})
        future = self._pool.submit(self._answered, compute)
        if not begun:
            future.add_done_callback(lambda _: self._places.release())
        try:
            async with asyncio.timeout(self._answer_s):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise TimedOut(
                f"no answer within {self._answer_s:g} s", hint="ask for fewer users or attributes at once"
            ) from error

    def _answered(self, compute: Callable[[], Found]) -> Found:
        with self._counting:
            self._answering += 1
        try:
            return compute()
        finally:
            with self._counting:
                self._answering -= 1

    def close(self) -> None:
        """Take no more work; scores and exports that are written are waited for, a few seconds."""
        self._filler.stop(within_s=_STOP_S)
        self.exporter.close(within_s=_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _load(kept: RunFolder, most_score_bytes: int) -> LoadedRun:
    try:
        return LoadedRun(kept, most_score_bytes)
    except InputError as error:
        raise Problem(500, error) from error


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


SharedDesk = Annotated[Desk, Depends(_desk)]
"""The desk of the app."""
