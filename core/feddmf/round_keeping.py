"""What must be on disk before anybody is answered: the interface of whoever keeps rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from feddmf.payload import Payload
from feddmf.protocols.base import Arrays

__all__ = ["Collected", "Keeper"]


@dataclass(frozen=True, eq=False)
class Collected:
    """A round whose contributions are all there; position: its place among all rounds of the run."""

    position: int
    phase: str
    number: int
    contributions: Mapping[str, Payload]


class Keeper(Protocol):
    """Makes rounds durable: nobody is answered before all that the answers come from is kept."""

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state."""
        ...

    async def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state before the round at `position`; what lies before it is needed no more."""
        ...

    async def keep_round(self, collected: Collected) -> None:
        """Keep a round's contributions; raises LocalResourceError where the disk refuses."""
        ...
