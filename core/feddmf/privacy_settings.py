"""The section [privacy] of a run file: whether what leaves a party is private for each whole user."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from feddmf.config import Settings

__all__ = ["PrivacySettings"]

# A party of fewer users than 1 / delta could lose one of them whole and still keep its word.
_MOST_DELTA = 1e-5
_LEAST_DELTA = 1e-9
# That of `feddmf.privacy.accountant`, which most who read run files need not load.
_MOST_EPSILON = 15.0


class PrivacySettings(Settings):
    """Differential privacy of a user's whole history at one party; each party draws its own noise."""

    mode: Literal["none", "gram"] = Field(
        default="none",
        description="With gram each party takes all that it sends from one noisy item-item matrix; for "
        "feddmf with tower history and alignment tie, and for transfer.",
    )
    epsilon: float | None = Field(
        default=None,
        ge=0.05,
        le=_MOST_EPSILON,
        examples=[1.0],
        description="Bound on what a run may reveal of a user; without it each party takes what its number "
        "of users bears: 1 from 20000, 4 from 3000.",
    )
    delta: float | None = Field(
        default=None,
        ge=_LEAST_DELTA,
        le=_MOST_DELTA,
        examples=[_MOST_DELTA],
        description="Chance that the bound does not hold; without it each party takes min(1e-5, 1/n^1.1) of "
        "its number of users, rounded up to a power of two.",
    )

    @model_validator(mode="after")
    def _bounds_have_a_mechanism(self) -> PrivacySettings:
        if self.mode == "none" and not (self.epsilon is None and self.delta is None):
            raise ValueError('epsilon and delta need mode = "gram"; without it nothing is bounded')
        return self

    @property
    def is_private(self) -> bool:
        """Whether what leaves a party is private for each user."""
        return self.mode == "gram"
