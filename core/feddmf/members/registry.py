"""Members by the protocol that a run file names."""

from __future__ import annotations

from collections.abc import Sequence

from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.feddmf import FedDMFMember
from feddmf.plan import PartyItems

__all__ = ["member_for"]


def member_for(items: PartyItems, data: Interactions, offered: Sequence[str]) -> Member:
    """Return the party's half of the plan's protocol (plans are validated against these names)."""
    return {"feddmf": FedDMFMember}[items.plan.settings.protocol](items, data, offered)
