"""The member of a private run: it is not there before its release is, so that nothing can leave without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.base import Arrays, Member
from feddmf.members.item_release import ItemRelease, ReleaseSource, released_codes
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.user_attributes import UserAttributes

__all__ = ["PrivateMember", "check_private_offer", "private_member"]


class PrivateMember:
    """Asks for the release when it first has something to do; the member that is made of it does that."""

    def __init__(self, release: Callable[[], ItemRelease], make: Callable[[ItemRelease], Member]) -> None:
        self._release, self._make = release, make

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Return the member's contribution, which follows from the release and from what peers sent."""
        return self._member.contribute(phase, number, reply)

    def publications(self) -> Payload:
        """Return what the member publishes, which follows from the same."""
        return self._member.publications()

    def figures(self) -> Mapping[str, float]:
        """Return the member's figures, for the party's own people."""
        return self._member.figures()

    def model_arrays(self) -> Arrays:
        """Return the member's arrays, which stay at home; its users shape these."""
        return self._member.model_arrays()

    def snapshot(self) -> Arrays:
        """Return the member's snapshot."""
        return self._member.snapshot()

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, with the same release."""
        self._member.restore(snapshot)

    @cached_property
    def _member(self) -> Member:
        return self._make(self._release())


def private_member(
    items: PartyItems,
    data: Interactions,
    offered: Sequence[str],
    attributes: UserAttributes | None,
    source: ReleaseSource,
) -> PrivateMember:
    """Return the party's half of a private run. Raises InputError where it offers a user attribute."""
    codes = released_codes(items, tuple(offered))
    check_private_offer(items, offered, attributes)

    def make(release: ItemRelease) -> Member:
        settings = items.plan.settings
        if settings.protocol == "transfer":
            from feddmf.members.regressions import ReleaseRegression
            from feddmf.members.transfer import TransferMember

            regression = ReleaseRegression(release, settings.transfer, items=data.items)
            return TransferMember(items, data, offered, regression)
        from feddmf.members.private_history import PrivateHistoryMember

        return PrivateHistoryMember(items, data, offered, release, attributes)

    return PrivateMember(lambda: ItemRelease(codes, source(), _directions(items)), make)


def _directions(items: PartyItems) -> int:
    """Return how many directions of the cleaned Gram vectors and maps of the run are made from."""
    from feddmf.privacy.spectral import directions_of

    settings = items.plan.settings
    if settings.protocol == "transfer":
        return directions_of(settings.transfer.rank)
    return max(settings.model.embedding_dim, directions_of(settings.linear_columns))


def check_private_offer(items: PartyItems, offered: Sequence[str], attributes: UserAttributes | None) -> None:
    """Raise InputError where a user attribute is offered in a private run."""
    of_users = set() if attributes is None else set(attributes.codes.tolist())
    named = next((key for key in offered if int(items.codes((key,))[0]) in of_users), None)
    if named is not None:
        raise InputError(
            f"run {items.plan.run} is private, and {named!r} is a user attribute, of which no private vector "
            "can be made",
            hint=f"take {named!r} out of offer.toml, or let the run be submitted without [privacy]",
        )
