"""When what a party publishes ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from feddmf_party.policy import Policy

__all__ = ["LATEST_MS", "publication_end"]

LATEST_MS = 253_402_300_799_000
"""The end of the year 9999, behind which no date can be written, in milliseconds since 1970."""


def publication_end(policy: Policy, before_ms: int | None) -> int:
    """Return when a publication of now ends by the policy, in milliseconds since 1970.

    before_ms: the end that was recorded when the same was sent before; it stays.
    """
    if before_ms is not None:
        return before_ms
    ends = datetime.now(UTC) + timedelta(days=policy.publication_days)
    return min(int(ends.timestamp() * 1_000), LATEST_MS)
