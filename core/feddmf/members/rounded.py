"""A member whose releases are rounded to what their encodings can say, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping

from feddmf.members.base import Arrays, Member
from feddmf.payload import Payload
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for

__all__ = ["RoundedMember", "as_it_travels"]


def as_it_travels(member: Member, plan: Plan) -> Member:
    """Return `member`, rounding what it releases where the plan's vectors do not travel whole."""
    return member if plan.settings.alignment.encoding == "float32" else RoundedMember(member, plan)


class RoundedMember:
    """Rounds what the inner member releases, once: gate, ledger, wire and peers have the same numbers."""

    def __init__(self, inner: Member, plan: Plan) -> None:
        protocol = protocol_for(plan.settings.protocol)
        self._inner = inner
        self._contributions = {phase.name: phase.contribution for phase in protocol.phases(plan)}
        self._publication = protocol.publication(plan)

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Return the inner contribution, rounded; PayloadError where an encoding cannot hold it."""
        return self._contributions[phase].rounded(self._inner.contribute(phase, number, reply))

    def publications(self) -> Payload:
        """Return what the inner member publishes, rounded."""
        return self._publication.rounded(self._inner.publications())

    def figures(self) -> Mapping[str, float]:
        """Return the inner member's figures."""
        return self._inner.figures()

    def model_arrays(self) -> Arrays:
        """Return the inner member's arrays, which stay at home as they are."""
        return self._inner.model_arrays()

    def snapshot(self) -> Arrays:
        """Return the inner member's snapshot."""
        return self._inner.snapshot()

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._inner.restore(snapshot)
