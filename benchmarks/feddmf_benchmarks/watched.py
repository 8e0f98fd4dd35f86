"""The memory of processes that others start and end, read while they run."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from feddmf_benchmarks.contender import peak_mib

__all__ = ["Watched"]

_EVERY_S = 0.1


class Watched:
    """Reads the peak of each of `processes`, by name, again and again until it is left.

    Processes may come and go; `peaks` has the most of each name in MiB. What one takes in its last tenth of a
    second goes unseen.
    """

    def __init__(self, processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
        self.peaks: dict[str, float] = {}
        self._processes, self._left = processes, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            for name, process in list(self._processes.items()):
                with contextlib.suppress(ProcessLookupError):
                    self.peaks[name] = max(self.peaks.get(name, 0.0), peak_mib(process.pid))
            if self._left.wait(_EVERY_S):
                return
