"""Real processes of `feddmf`: started, watched by their output, ended by id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Running", "Service", "feddmf", "started", "wait_until"]

# One thread a process: these share two cores.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# How many times as long a process may take at most to end on a machine that does much else.
_PATIENCE = 4.0
_COMMAND = [sys.executable, "-m", "feddmf"]


@dataclass(frozen=True)
class Running:
    """One process, and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """All output so far."""
        return self.log.read_text()

    def until(self, words: str, *, within_s: float = 90.0) -> None:
        """Wait until the process has said `words`; AssertionError, with what it said, where it does not."""
        wait_until(lambda: words in self.said or self.process.poll() is not None, within_s)
        assert words in self.said, f"exit code {self.process.poll()}, said:\n{self.said}"

    def code(self, *, within_s: float = 90.0) -> int:
        """Wait for the process's own end; return its exit code."""
        return self.process.wait(within_s)

    def terminate(self, *, within_s: float = 5.0) -> int:
        """End the process as a service manager does; return its exit code.

        within_s: of its own; the longest that a thread stood ready while others had the cores comes on top.
        """
        before = self._withheld_s()
        self.process.send_signal(signal.SIGTERM)
        began, more = time.monotonic(), 0.0
        while self.process.poll() is None:
            since = [each - before.get(name, 0.0) for name, each in self._withheld_s().items()]
            more = max(more, 0.0, *since)
            left = began + min(within_s + more, _PATIENCE * within_s) - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(self.process.args, within_s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(min(left, 0.1))
        return self.process.returncode

    def _withheld_s(self) -> dict[str, float]:
        """Return for how long each thread could have run and was not let (Linux, proc(5): schedstat)."""
        found = {}
        for thread in Path(f"/proc/{self.process.pid}/task").glob("*"):
            with contextlib.suppress(OSError, IndexError):
                found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
        return found

    def kill(self) -> None:
        """End the process as a power cut does; one that has ended stays as it is."""
        self.process.kill()
        self.process.wait(10)


def wait_until(condition: Callable[[], object], within_s: float) -> None:
    """Wait until `condition()` holds, or the time is over."""
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


@contextlib.contextmanager
def started(
    folder: Path, name: str, *arguments: str, command: Sequence[str] = tuple(_COMMAND)
) -> Iterator[Running]:
    """Start `feddmf ARGUMENTS` with its output in `folder`/NAME.log; it does not outlive the block.

    command: what is started with the arguments instead of `feddmf`.
    """
    running = _start(folder / f"{name}.log", [*command, *arguments])
    try:
        yield running
    finally:
        running.kill()


class Service:
    """`feddmf ARGUMENTS` under somebody who starts it again; each start has its output in a file of its own.

    folder: where the outputs go; ready: the words by which a process says that it works.
    """

    def __init__(self, folder: Path, name: str, *arguments: str, ready: str) -> None:
        self.name = name
        self.starts = 0
        self._folder, self._arguments, self._ready = folder, arguments, ready
        self._running: Running | None = None

    @property
    def running(self) -> Running:
        """The process of the last start, which may have ended."""
        assert self._running is not None, f"{self.name} was never started"
        return self._running

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._running is not None and self._running.process.poll() is None

    def start(self, command: Sequence[str] = tuple(_COMMAND)) -> None:
        """Start a process, and wait for nothing; command: what is started instead of `feddmf`."""
        assert not self.alive, f"{self.name} is running"
        log = self._folder / f"{self.name}-{self.starts:03}.log"
        self._running = _start(log, [*command, *self._arguments])
        self.starts += 1

    def until_ready(self, *, within_s: float = 90.0) -> None:
        """Wait until the process of the last start works; AssertionError, with what it said, otherwise."""
        self.running.until(self._ready, within_s=within_s)

    def kill(self) -> None:
        """End the process, if there is one, as a power cut does."""
        if self._running is not None:
            self._running.kill()


def _start(log: Path, command: Sequence[str]) -> Running:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Running(process, log)


def feddmf(*arguments: str, within_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run `feddmf ARGUMENTS` to its end."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        env=os.environ | _ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
