"""Members that do not do what they should: what they send is not what they have trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.members.base import Member
from feddmf.payload import Payload

__all__ = ["CHEATS", "Cheat", "Trick", "frozen", "noise", "nudged"]

Floats = npt.NDArray[np.float32]
# (what was sent first, what would be sent now, a generator) -> what is sent
Trick = Callable[[Floats, Floats, np.random.Generator], Floats]


def noise(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send other noise each time."""
    del first
    return generator.normal(scale=0.1, size=now.shape).astype(np.float32)


def frozen(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send the first vectors for ever."""
    del now, generator
    return first


def nudged(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send the first vectors with a little noise on them, so that no two contributions are equal."""
    del now
    return first + generator.normal(scale=1e-4, size=first.shape).astype(np.float32)


CHEATS = (noise, frozen, nudged)


class Cheat:
    """Wraps a member; everything but what `contribute` sends, from contribution `start` on, is its own."""

    def __init__(self, member: Member, trick: Trick, *, start: int = 0) -> None:
        self._member = member
        self._trick = trick
        self._honest = start
        self._first: Floats | None = None
        self._generator = np.random.default_rng(3)

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Do the member's work, and send something else."""
        honest = self._member.contribute(phase, number, reply)
        if self._honest:
            self._honest -= 1
            return honest
        if "vectors" not in honest or phase == "reveal":
            return honest
        # A second training may have other rows.
        if self._first is None or self._first.shape != honest["vectors"].shape:
            self._first = honest["vectors"].copy()
        return Payload(
            dict(honest) | {"vectors": self._trick(self._first, honest["vectors"], self._generator)}
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)
