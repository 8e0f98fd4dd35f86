"""A contender, in a process of its own, so that its memory is its own and nothing of it slows another."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from feddmf.errors import RunFailed

__all__ = ["Contender", "Running", "Work", "peak_mib"]

# Does one measured piece of work, and returns how much of it there was in the benchmark's unit of work.
Work = Callable[[], float]

_MIB = 1 << 10  # the kernel counts KiB
_LONGEST_S = 3600.0


@dataclass(frozen=True)
class Contender:
    """Somebody who does the measured work.

    name: as it is printed; prepare: makes all that is not measured (data, warm-up, compilation), returns the
    work. It must be picklable: a function of a module, or functools.partial of one.
    """

    name: str
    prepare: Callable[[], Work]


class Running:
    """The process of a contender. It has one thread unless the contender itself says otherwise."""

    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, contender.prepare), daemon=False)

    def __enter__(self) -> Self:
        self._process.start()
        try:
            self._answer()
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()

    def once(self) -> tuple[float, float, float]:
        """Work once; return amount, seconds, and the most memory so far in MiB. Raises RunFailed."""
        self._pipe.send(None)
        return self._answer()

    def _answer(self) -> tuple[float, float, float]:
        try:
            if not self._pipe.poll(_LONGEST_S):
                raise RunFailed(
                    f"{self.name} did not end within {_LONGEST_S:.0f} s", hint="use a smaller --scale"
                )
            answer = self._pipe.recv()
        except EOFError as error:
            raise RunFailed(
                f"the process of {self.name} ended",
                hint="there may be too little memory: use a smaller --scale",
            ) from error
        if isinstance(answer, str):
            raise RunFailed(f"{self.name} failed: {answer}", hint="see the lines above")
        amount, seconds, peak = answer
        return amount, seconds, peak


def _serve(pipe: Connection, prepare: Callable[[], Work]) -> None:
    try:
        work = prepare()
        pipe.send((0.0, 0.0, peak_mib()))
        while True:
            try:
                pipe.recv()
            except EOFError:
                return
            start = time.perf_counter()
            amount = work()
            pipe.send((amount, time.perf_counter() - start, peak_mib()))
    except Exception as error:  # noqa: BLE001  (whatever it is, the other process must be told)
        traceback.print_exc()
        pipe.send(f"{type(error).__name__}: {error}")


def peak_mib(process: int | None = None) -> float:
    """Return the most memory that this process, or the one with this id, has held, in MiB.

    Raises ProcessLookupError where there is no such process any more.
    """
    # ru_maxrss would do, but it survives fork and exec: it begins at what the parent held.
    try:
        status = Path("/proc", "self" if process is None else str(process), "status").read_text("ascii")
    except FileNotFoundError as error:
        raise ProcessLookupError(process) from error
    for line in status.splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / _MIB
    # A process that has ended holds nothing, and says nothing of what it held.
    raise ProcessLookupError(process)
