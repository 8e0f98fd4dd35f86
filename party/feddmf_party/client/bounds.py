"""How much of one kind the party takes from a coordinator, which should have refused more."""

from __future__ import annotations

__all__ = ["ASK", "KEYS_A_PART", "LONGEST_NAME", "LONGEST_OFFER"]

LONGEST_OFFER = 1_000_000
LONGEST_NAME = 200
"""Characters of an item's key or label."""
KEYS_A_PART = 2_000
ASK = "ask the operator, who should have refused it"
