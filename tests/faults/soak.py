"""Run after run among many parties, a fault every few seconds: no round is lost, and memory does not grow.

`make soak`: SOAK_MINUTES, SOAK_PARTIES, SOAK_SEED. pytest collects this file only where it is named.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faults.fingerprint import Fingerprint, different, fingerprint
from faults.plans import plan_of
from faults.standing import COORDINATOR, Standing, standing
from feddmf.protocols.registry import exchanges
from support.federation import rounds_of
from support.runs import small_run

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
PARTIES = int(os.environ.get("SOAK_PARTIES", "8"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
EVERY_S = 10.0
FROZEN_S = 4.0
# Trained, summed in the open, and summed under masks.
PLAYED = ("fcf-mm", "feddmf-id", "fedavg-masked")
# The coordinator is killed in the first quarter alone: its memory is that of one process after it.
SPARED_AFTER = 0.25
GROWTH = 0.05


@dataclass(eq=False)
class Faults(threading.Thread):
    """Does something to somebody every EVERY_S seconds until told to stop; samples memory meanwhile.

    done: how often each thing was done; sizes: (seconds since the start, resident bytes of the coordinator).
    """

    federation: Standing
    seed: int
    until_s: float
    done: dict[str, int] = field(default_factory=dict)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.began = time.monotonic()

    def run(self) -> None:
        """Work until `over`."""
        generator = np.random.default_rng(self.seed)
        try:
            while not self.over.is_set():
                self._one(generator)
                due = time.monotonic() + EVERY_S
                while time.monotonic() < due and not self.over.wait(1.0):
                    self.sizes.append((self.passed_s, self._resident()))
        except BaseException as error:  # noqa: BLE001  (told by the test)
            self.error = error

    @property
    def passed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def mean_size(self, quarter: int) -> float:
        """Return the mean of the sizes in a quarter, 0 to 3, of the whole time."""
        first = quarter * self.until_s / 4
        return float(np.mean([size for at, size in self.sizes if first <= at < first + self.until_s / 4]))

    def _one(self, generator: np.random.Generator) -> None:
        name = str(generator.choice(self.federation.parties))
        acts: dict[str, Callable[[str], None]] = {
            "killed": self._kill,
            "ended": self._end,
            "frozen": self._freeze,
        }
        kind = str(generator.choice(list(acts)))
        if generator.random() < 0.3 and self.passed_s < SPARED_AFTER * self.until_s:
            name, kind = COORDINATOR, "killed"
        told = f"{'coordinator' if name == COORDINATOR else 'party'} {kind}"
        self.done[told] = self.done.get(told, 0) + 1
        acts[kind](name)

    def _kill(self, name: str) -> None:
        self.federation.services[name].kill()
        self.federation.services[name].start()

    def _end(self, name: str) -> None:
        # Before the node has begun to listen for it, the signal ends the process at once.
        code = self.federation.services[name].running.terminate(within_s=5.0)
        assert code in {0, -signal.SIGTERM}, f"{name} ended with code {code}"
        self.federation.services[name].start()

    def _freeze(self, name: str) -> None:
        process = self.federation.services[name].running.process
        process.send_signal(signal.SIGSTOP)
        self.over.wait(FROZEN_S)
        process.send_signal(signal.SIGCONT)

    def _resident(self) -> int:
        pid = self.federation.services[COORDINATOR].running.process.pid
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_no_round_is_lost_and_memory_is_flat(tmp_path: Path) -> None:
    """Every run finishes with all its rounds and the bytes of the first of its plan."""
    small = small_run(PARTIES)
    left: dict[str, Fingerprint] = {}
    rounds = runs = 0
    with standing(tmp_path, small, checkpoint_s={}) as federation:
        for name in PLAYED:
            run = federation.submit(plan_of(name, federation.parties))
            federation.finish(run, within_s=600)
            left[name] = fingerprint(federation.enrolled, run)
        faults = Faults(federation, SEED, MINUTES * 60)
        faults.start()
        try:
            while faults.passed_s < MINUTES * 60:
                name = PLAYED[runs % len(PLAYED)]
                run = federation.submit(plan_of(name, federation.parties))
                federation.finish(run, within_s=600, ended=True)
                assert faults.error is None, faults.error
                made = rounds_of(federation.enrolled, run)
                assert len(made) == exchanges(federation.run(run).plan), f"{run} ({name}) has lost rounds"
                assert different(fingerprint(federation.enrolled, run), left[name]) == [], f"{run} ({name})"
                runs, rounds = runs + 1, rounds + len(made)
                print(f"{faults.passed_s:6.0f} s: {runs} runs, {rounds} rounds", file=sys.stderr)  # noqa: T201
        finally:
            faults.over.set()
            faults.join(30)
    second, last = faults.mean_size(1), faults.mean_size(3)
    told = f"seed {SEED}: {runs} runs, {rounds} rounds, faults {faults.done}; "
    told += f"the coordinator's memory {second / 1e6:.1f} MB, then {last / 1e6:.1f} MB"
    print(told, file=sys.stderr)  # noqa: T201
    assert last <= second * (1 + GROWTH), told
