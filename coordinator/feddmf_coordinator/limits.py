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
        description="MiB for the rounds that are being collected, of all runs together: what parties send "
        "and what they are answered. A round that finds no room waits until others are over, runs in turn; "
        "one that is larger by itself is let in alone.",
    )
