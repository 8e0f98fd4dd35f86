"""Members by the protocol that a run file names."""

from __future__ import annotations

from collections.abc import Sequence

from feddmf.errors import ConfigError
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.masked import MaskedMember
from feddmf.members.rounded import as_it_travels
from feddmf.plan import PartyItems
from feddmf.protocols.registry import protocol_for
from feddmf.ranks import Ranks
from feddmf.user_attributes import UserAttributes

__all__ = ["member_for"]


def member_for(
    items: PartyItems,
    data: Interactions,
    offered: Sequence[str],
    attributes: UserAttributes | None = None,
    ranks: Ranks | None = None,
) -> Member:
    """Return the party's half of the plan's protocol (plans are validated against these names).

    attributes: which items are user attributes; without a history tower they are items like all others.
    ranks: the processes that train together. Raises ConfigError where there is no history tower to train so.
    """
    settings = items.plan.settings
    if settings.has_history:
        from feddmf.members.history import HistoryMember

        return as_it_travels(HistoryMember(items, data, offered, attributes, ranks), items.plan)
    if ranks is not None:
        raise ConfigError(
            f"run {items.plan.run} has no history tower, and several processes can train nothing else",
            hint="take part in it with a node that is started without torchrun",
        )
    member = _open_member(settings.protocol, items, data, offered)
    if not settings.masks:
        return as_it_travels(member, items.plan)
    return MaskedMember(member, items, protocol_for(settings.protocol).phases(items.plan))


def _open_member(name: str, items: PartyItems, data: Interactions, offered: Sequence[str]) -> Member:
    """Load only the member that is asked for: two of them need no torch."""
    if name == "fcf":
        from feddmf.members.fcf import FCFMember

        return FCFMember(items, data, offered)
    if name == "transfer":
        from feddmf.members.transfer import TransferMember

        return TransferMember(items, data, offered)
    if name == "fedavg":
        from feddmf.members.fedavg import FedAvgMember

        return FedAvgMember(items, data, offered)
    from feddmf.members.feddmf import FedDMFMember

    return FedDMFMember(items, data, offered)
