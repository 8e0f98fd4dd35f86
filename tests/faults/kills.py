"""Whom to kill, and when: drawn from a number alone, so that a run that went wrong can be had again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faults.plans import PLANS
from faults.standing import COORDINATOR, Standing
from feddmf.protocols.registry import exchanges

__all__ = ["Fault", "draw", "strike"]

# A process starts within so many seconds, and is killed meanwhile now and then.
_START_S = 3.0
_LATER_S = 0.1
# A look into a folder for a save takes far less than a save.
_LOOK_S = 0.0005
_SAVE_WITHIN_S = 2.0
_REACHED_WITHIN_S = 120.0


@dataclass(frozen=True)
class Fault:
    """One run and its fault: who is killed, when, and whether what is started again is killed as well.

    moment: the share of the run's rounds after which, 0 while it gathers; later_s: and so much later;
    in_save: then at the next save of the victim; starts: how long each process that is started in its place
    lives, in seconds, before the last.
    """

    seed: int
    plan: str
    victim: str
    moment: float
    later_s: float
    in_save: bool
    starts: tuple[float, ...]

    def __str__(self) -> str:
        how = "in a save after" if self.in_save else f"{self.later_s:.3f} s after"
        again = "".join(f", again {each:.2f} s after its start" for each in self.starts)
        when = f"is killed {how} {self.moment:.2f} of the rounds{again}"
        return f"seed {self.seed}: {self.plan}, {self.victim} {when}"


def draw(seed: int, parties: tuple[str, ...]) -> Fault:
    """Return the fault of a seed; plans go round, so that as many seeds as there are plans have each."""
    generator = np.random.default_rng(seed)
    # As often the coordinator as a party.
    victim = COORDINATOR if generator.random() < 0.5 else str(generator.choice(parties))
    moment, later_s = generator.random(), _LATER_S * generator.random()
    in_save = bool(generator.random() < 0.3)
    times = int(generator.random() < 0.25)
    starts = tuple((_START_S * generator.random(times)).tolist())
    return Fault(seed, list(PLANS)[seed % len(PLANS)], victim, moment, later_s, in_save, starts)


def strike(fault: Fault, standing: Standing, run: str) -> int:
    """Wait for the moment, kill, start again what was killed; return how many were killed under way."""
    service, over = standing.services[fault.victim], lambda: standing.over(run)
    rounds = exchanges(standing.run(run).plan)
    party = standing.parties[0] if fault.victim == COORDINATOR else fault.victim
    _until_round(standing.folder(party) / "runs" / run / "rounds.jsonl", int(fault.moment * (rounds + 1)))
    time.sleep(fault.later_s)
    if fault.in_save:
        _until_save(standing.folder(fault.victim), over)
    struck = int(not over())
    service.kill()
    for life_s in fault.starts:
        service.start()
        time.sleep(life_s)
        struck += int(not over())
        service.kill()
    service.start()
    return struck


def _until_round(course: Path, number: int) -> None:
    """Wait until a party's course of a run has so many rounds."""
    end = time.monotonic() + _REACHED_WITHIN_S
    while time.monotonic() < end:
        if number == 0 or (course.exists() and course.read_text().count("\n") >= number):
            return
        time.sleep(0.002)


def _until_save(folder: Path, over: Callable[[], bool]) -> None:
    """Wait until a file is being written in what the folder keeps of runs under way."""
    end = time.monotonic() + _SAVE_WITHIN_S
    while time.monotonic() < end and not over():
        looked = time.monotonic() + 0.05
        while time.monotonic() < looked:
            # What is looked at may be removed meanwhile.
            with contextlib.suppress(OSError):
                if any(folder.glob("r*s/*/**/*.part")):
                    return
            time.sleep(_LOOK_S)
