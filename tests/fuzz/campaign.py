"""A campaign against one target: every input bounded in time and memory, every find written down."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from feddmf.errors import FedDMFError
from fuzz.mutate import made
from fuzz.target import Target

__all__ = ["Budget", "Find", "campaign", "run_one"]

LONGEST_S = 2.0
"""Most processor time that one input may take: a busy machine fails nothing."""

MOST_MEMORY = 512 << 20
"""Most memory, in bytes, that the process may take beyond what it has when a campaign begins."""


class _TooLong(BaseException):
    """An input took more than LONGEST_S."""


@dataclass(frozen=True)
class Budget:
    """How many inputs, of which seed, from which number on, for how many seconds at most."""

    inputs: int
    seed: int
    first: int = 0
    seconds: float = float("inf")
    out: Path = Path("out/fuzz")


@dataclass(frozen=True)
class Find:
    """An input that was neither read nor refused; the command that tries it again."""

    name: str
    number: int
    what: str
    path: Path
    seed: int

    def __str__(self) -> str:
        again = f"FUZZ_SEED={self.seed} FUZZ_FIRST={self.number} FUZZ_INPUTS=1"
        return f"{self.what}\ninput: {self.path}\nagain: {again} pytest tests/fuzz -k {self.name}"


def run_one(target: Target, raw: bytes) -> str | None:
    """Let a target read an input; return what went wrong, None where it was read or refused with a hint."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        target.read(raw)
    except FedDMFError as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # Refusals on the wire are one word, and their reasons go to the log.
        if type(error).__name__ == "Refused" or (error.hint and error.exit_code != FedDMFError.exit_code):
            return None
        return f"no hint, or an internal error: {error!r}"
    except _TooLong:
        return f"over {LONGEST_S} s of processor time\n{traceback.format_exc(limit=-8)}"
    except BaseException as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return traceback.format_exc(limit=-8)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def campaign(name: str, target: Target, budget: Budget) -> tuple[int, Find | None]:
    """Try inputs until one is a find or the budget is spent; return how many were tried, and the find."""
    end = time.monotonic() + budget.seconds
    tried = 0
    with _bounded():
        for number in range(budget.first, budget.first + budget.inputs):
            if time.monotonic() > end:
                break
            raw = made(budget.seed, name, number, target.samples, target.mutate)
            tried += 1
            if (what := run_one(target, raw)) is not None:
                budget.out.mkdir(parents=True, exist_ok=True)
                path = budget.out / f"{name}-{budget.seed}-{number}.bin"
                path.write_bytes(raw)
                return tried, Find(name, number, what[-3_000:], path, budget.seed)
    return tried, None


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + MOST_MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _too_long(_signal: int, _frame: object) -> NoReturn:
    raise _TooLong
