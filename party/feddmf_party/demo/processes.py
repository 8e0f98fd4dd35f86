"""The demo's processes: real commands of `feddmf`, started here and ended here, by id."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feddmf.cli.output import say
from feddmf.errors import FedDMFError, RunFailed, TimedOut

__all__ = ["Processes", "free_ports", "supervised"]

_END_S = 5.0
_COMMAND_S = 120.0
_STILL_TICK_S = 0.1
# One thread a process: processes that share cores slow one another down by far more than they gain.
_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass
class Processes:
    """Runs commands to their end or beside one another; their logs lie in `logs`."""

    logs: Path
    beside: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run `feddmf ARGUMENTS --format json` to its end and return its data; raises what it says."""
        say(f"$ feddmf {' '.join(arguments)}")
        return self.quietly(*arguments)

    def quietly(self, *arguments: str) -> dict[str, Any]:
        """Do the same without showing the command."""
        made = subprocess.run(
            [*_feddmf(), *arguments, "--format", "json"],
            env=os.environ | _THREADS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMMAND_S,
            check=False,
        )
        return _data(made.returncode, made.stdout, made.stderr)

    def start(self, name: str, *arguments: str) -> None:
        """Start `feddmf ARGUMENTS` beside this process, with its output in logs/NAME.log."""
        say(f"$ feddmf {' '.join(arguments)} &")
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            self.beside[name] = subprocess.Popen(
                [*_feddmf(), *arguments],
                env=os.environ | _THREADS,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def attached(self, *arguments: str) -> None:
        """Run `feddmf ARGUMENTS` to its end on this terminal, so that its progress is live."""
        say(f"$ feddmf {' '.join(arguments)}")
        made = subprocess.run(
            [*_feddmf(), *arguments],
            env=os.environ | _THREADS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if made.returncode:
            raise RunFailed("the run failed; see above", hint=f"the logs are in {self.logs}")

    def wait(self, name: str, limit_s: float) -> None:
        """Wait for a started process to end well; names it and its log where it does not."""
        log = self.logs / f"{name}.log"
        try:
            code = self.beside[name].wait(limit_s)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{name} did not end within {limit_s:g} s", hint=f"see {log}") from error
        if code:
            raise RunFailed(f"{name} ended with exit code {code}", hint=f"see {log}")

    def until(self, ready: Callable[[], bool], what: str, limit_s: float) -> None:
        """Wait until `ready`; gives up when a started process ends first, or after `limit_s`."""
        began = time.monotonic()
        while not ready():
            for name, process in self.beside.items():
                if process.poll():
                    raise RunFailed(f"{name} ended before {what}", hint=f"see {self.logs / f'{name}.log'}")
            if time.monotonic() - began > limit_s:
                raise TimedOut(f"{what} took more than {limit_s:g} s", hint=f"see the logs in {self.logs}")
            time.sleep(_STILL_TICK_S)

    def end(self) -> None:
        """End what was started and still runs: politely, then for good."""
        running = [process for process in self.beside.values() if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def supervised(logs: Path) -> Iterator[Processes]:
    """Yield a place to start processes in; none of them outlives it."""
    processes = Processes(logs)
    try:
        yield processes
    finally:
        processes.end()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


def _feddmf() -> list[str]:
    return [sys.executable, "-m", "feddmf"]


def _data(code: int, stdout: bytes, stderr: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(stdout)
    except ValueError as error:
        raise FedDMFError(
            f"a command ended with exit code {code} and said: {stderr.decode(errors='replace').strip()}"
        ) from error
    if answer["error"] is not None:
        raise RunFailed(answer["error"]["message"], hint=answer["error"]["hint"])
    data: dict[str, Any] = answer["data"]
    return data
