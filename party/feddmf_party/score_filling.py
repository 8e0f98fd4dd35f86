"""Fills the table of the run that finished last, while nobody asks for anything."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from feddmf.errors import FedDMFError
from feddmf_party.questions import Questions

__all__ = ["ScoreFiller"]

log = logging.getLogger(__name__)

_LOOK_S = 60.0
_BUSY_S = 0.2
# Whoever asks is served first, and so is training on the same machine.
_NICE = 15


class ScoreFiller:
    """A thread that computes one attribute after another.

    latest: returns what can be asked of the run that finished last, raises FedDMFError where there is none;
    is_busy: tells whether somebody waits for an answer.
    """

    def __init__(self, latest: Callable[[], Questions], is_busy: Callable[[], bool]) -> None:
        self._latest, self._is_busy = latest, is_busy
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scores", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, within_s: float | None = None) -> None:
        """Take up no other attribute; wait for the one that is computed, at most so long."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def fill(self) -> int:
        """Compute what is missing as long as there is room; return how many attributes that was."""
        questions, filled = self._latest(), 0
        questions.tidy_scores()
        questions.look_ahead()
        for attribute in questions.predictor.attributes():
            while self._is_busy() and not self._ended.wait(_BUSY_S):
                pass
            # Another run may have finished, or something been taken back.
            if self._ended.is_set() or self._latest() is not questions:
                break
            kept = questions.keep_scores(attribute)
            if kept is None:
                break
            filled += kept
        return filled

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._ended.is_set():
            try:
                self.fill()
            except FedDMFError as error:
                log.debug("no scores are kept: %s", error.message)
            self._ended.wait(_LOOK_S)
