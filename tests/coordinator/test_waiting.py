"""The waits of one run: what is told of their bounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from feddmf.errors import LocalResourceError, PartyMissing
from feddmf.runfile import WaitSettings
from feddmf_coordinator.observer import Bounds
from feddmf_coordinator.server.waiting import Waiting

ALL = ("acme", "bolt")


@dataclass
class Run:
    """A run in which a step of ten seconds passes at each look, of which the first ones are held up."""

    held_up_for: int = 0
    now: float = 0.0
    looks: int = 0
    refusal: LocalResourceError | None = None
    told: list[tuple[float, Bounds]] = field(default_factory=list)

    async def meanwhile(self) -> None:
        """Let time go by; nobody is silent."""
        self.looks += 1
        self.now += 10

    def waits_for(self, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Keep what is told."""
        assert (what, parties) == ("round", ALL)
        self.told.append((self.now, bounds))

    @property
    def held_up(self) -> bool:
        """Whether it waits for room."""
        return self.looks <= self.held_up_for


def waited(run: Run, *, absent: bool = True, spare: int = 0, arrived: int = 0) -> list[tuple[float, Bounds]]:
    """Wait in vain for sixty seconds or more; return what was told, and when."""

    async def main() -> None:
        waiting = Waiting(run, WaitSettings(absent_s=1_000), lambda: run.now)

        def missing() -> tuple[str, ...]:
            waiting.look_again()
            if run.looks == 1 and arrived:
                waiting.arriving("acme", arrived)
            return ALL

        await waiting.until("round", missing, 60, absent=absent, spare=spare)

    with pytest.raises(PartyMissing, match="nothing came within 60 s"):
        asyncio.run(asyncio.wait_for(main(), 10))
    return run.told


def test_what_ends_a_wait_is_told_once() -> None:
    """When, after what silence, and how many are not needed."""
    assert waited(Run(), spare=1) == [(10, Bounds(50, 1_000, 1))]
    assert waited(Run(), absent=False) == [(10, Bounds(50, None, 0))]


def test_a_bound_that_moves_is_told_again() -> None:
    """As long as the run is held up, and where a slow line brings something."""
    told = waited(Run(held_up_for=2))
    assert told == [(10, Bounds(60, 1_000)), (20, Bounds(60, 1_000))]
    first, second = waited(Run(), arrived=1 << 20)
    assert first == (10, Bounds(50, 1_000))
    assert second[0] == 20
    assert second[1].left_s > 41
