"""A progress that keeps what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Heard"]


@dataclass
class Heard:
    """told: done, total and what, each time; raises `stop` once so much is done, if it is given."""

    told: list[tuple[int, int | None, str]] = field(default_factory=list)
    stop: Exception | None = None
    stop_at: int = 0

    def show(self, done: int, total: int | None, what: str) -> None:
        """Keep what is told."""
        self.told.append((done, total, what))
        if self.stop is not None and done >= self.stop_at:
            raise self.stop
