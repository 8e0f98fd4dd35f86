"""Members by the protocol that a run file names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from feddmf.errors import ConfigError
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.item_release import ReleaseSource
from feddmf.members.masked import MaskedMember
from feddmf.members.rounded import as_it_travels
from feddmf.plan import PartyItems
from feddmf.protocols.registry import protocol_for
from feddmf.ranks import Ranks, users_of_rank
from feddmf.user_attributes import UserAttributes

__all__ = ["Follower", "follower_for", "member_for"]

_NO_RELEASE = "take part in it with a node; feddmf simulate and feddmf evaluate draw a release of their own"


class Follower(Protocol):
    """What a process of a party that is not the first does in a run."""

    def follow(self, told: Mapping[str, Any]) -> None:
        """Do what the first has told of. Raises Abandoned where it does not go on with it."""
        ...


def member_for(
    items: PartyItems,
    data: Interactions,
    offered: Sequence[str],
    attributes: UserAttributes | None = None,
    ranks: Ranks | None = None,
    *,
    release: ReleaseSource | None = None,
) -> Member:
    """Return the party's half of the plan's protocol (plans are validated against these names).

    attributes: which items are user attributes; without a history tower they are items like all others.
    ranks: the processes that train together. release: what gives the release of a private run, which none
    is without; its members work in the first process alone. Raises ConfigError where the protocol is not
    FedDMF, and there are several processes.
    """
    settings = items.plan.settings
    if settings.privacy.is_private:
        if release is None:
            raise ConfigError(f"run {items.plan.run} is private, and nothing releases", hint=_NO_RELEASE)
        from feddmf.members.private import private_member

        return as_it_travels(private_member(items, data, offered, attributes, release), items.plan)
    if settings.has_history:
        from feddmf.members.history import HistoryMember

        return as_it_travels(HistoryMember(items, data, offered, attributes, ranks), items.plan)
    if ranks is not None and settings.protocol != "feddmf":
        raise ConfigError(
            f"run {items.plan.run} is of {settings.protocol}, and several processes can train feddmf alone",
            hint="take part in it with a node that is started without torchrun",
        )
    member = _open_member(settings.protocol, items, data, offered, ranks)
    if not settings.masks:
        return as_it_travels(member, items.plan)
    return MaskedMember(member, items, protocol_for(settings.protocol).phases(items.plan))


def follower_for(
    items: PartyItems, data: Interactions, attributes: UserAttributes | None, ranks: Ranks
) -> Follower:
    """Return what a process that is not the first does for the run of `member_for`, with its own users."""
    if items.plan.settings.has_history:
        from feddmf.members.trainings import Beside

        return Beside(items, users_of_rank(data, ranks), attributes, ranks, users=data.users)
    from feddmf.members.id_trainings import IdBeside

    return IdBeside(items, data, ranks)


def _open_member(
    name: str, items: PartyItems, data: Interactions, offered: Sequence[str], ranks: Ranks | None
) -> Member:
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

    return FedDMFMember(items, data, offered, ranks)
