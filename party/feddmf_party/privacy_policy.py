"""How private runs must be, and how much they may cost in all: the section [privacy] of policy.toml."""

from __future__ import annotations

from pydantic import Field

from feddmf.config import Settings

__all__ = ["PrivacyPolicy"]


class PrivacyPolicy(Settings):
    """Bounds on what all runs together may reveal of one user of this party."""

    required: bool = Field(
        default=False,
        description="Whether a run is declined that is not private for each user ([privacy] of its file).",
    )
    max_epsilon_per_run: float = Field(
        default=4.0, gt=0, le=100, description="Largest epsilon of one private run."
    )
    lifetime_epsilon: float = Field(
        default=10.0,
        gt=0,
        le=1000,
        description="Largest epsilon of all private runs in the ledger together; a run that would go beyond "
        "is declined, and nothing gives back what is spent.",
    )
    override_by: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        examples=["Ann Example, data protection officer"],
        description="Who lets this party into private runs with fewer users than bear their noise (epsilon "
        "below 4: 20000; from 4 on: 3000); the ledger keeps the name.",
    )
