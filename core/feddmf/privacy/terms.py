"""On which terms a party releases: epsilon and delta of the run, or those that its number of users bears."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.privacy.accountant import default_delta, default_epsilon, sigma_for

__all__ = ["Terms", "terms_for"]

# What few users bear at all, where a person lets them take part.
_WEAKEST = 4.0


@dataclass(frozen=True)
class Terms:
    """epsilon and delta of one release, and its noise multiplier."""

    epsilon: float
    delta: float
    sigma: float


def terms_for(users: int, *, epsilon: float | None = None, delta: float | None = None) -> Terms:
    """Return the terms of a party of so many users; what is not given is as they bear.

    users: rows of the party's table, whatever is in them; that number is public, what is in a row is not, so
    that a user whose history is emptied changes no terms.
    """
    bound = epsilon or default_epsilon(users) or _WEAKEST
    chance = delta or default_delta(1 << max(users - 1, 0).bit_length())
    return Terms(bound, chance, sigma_for(bound, chance))
