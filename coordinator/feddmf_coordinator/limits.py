"""How much a coordinator takes on at once: the section [limits] of coordinator.toml."""

from __future__ import annotations

from pydantic import Field

from feddmf.config import Settings

__all__ = ["LimitSettings"]


class LimitSettings(Settings):
    """What is over a limit waits, and does not fail; but a run of too many parties is not taken."""

    runs: int = Field(
        8, ge=1, le=1_000, description="Runs under way at once; those submitted beyond wait for their turn."
    )
    parties: int = Field(64, ge=2, le=64, description="Most parties of a run.")
    memory_mib: int = Field(
        2_048,
        ge=1,
        le=1 << 20,
        description="MiB for the rounds of all runs together: what parties send and what they are answered, "
        "which is held until the next round, and a quarter of it for what came of calls that were cut. A "
        "round that finds no room waits until others are over, runs in turn; one that is larger by itself is "
        "let in alone. It does not count what computing a round takes, what a protocol remembers from round "
        "to round, publications and offers that arrive, and the process itself.",
    )

    @property
    def cut_bytes(self) -> int:
        """How many bytes of payloads are kept whose calls were cut."""
        return (self.memory_mib << 20) // 4

    @property
    def round_bytes(self) -> int:
        """How many bytes the rounds of all runs may hold at once."""
        return (self.memory_mib << 20) - self.cut_bytes
