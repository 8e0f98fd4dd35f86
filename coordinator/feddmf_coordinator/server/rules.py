"""Who may call what: one row for each method of the federation port, and in which states of a run.

Nobody but an enrolled party is answered at all, and each is known by its certificate alone. What changes the
federation itself (invitations, catalogues, runs) has no method here: that is done in the operator's shell.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

from feddmf.errors import FedDMFError
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator.store.runs import RunState

__all__ = ["RULES", "Caller", "Rule", "check_rules"]


class Caller(enum.StrEnum):
    """Who may call; each is enrolled, with a certificate that is neither revoked nor ended."""

    ENROLLED = "any enrolled party"
    MEMBER = "a party of the run's roster"
    JOINED = "a party of the run's roster that has joined"


@dataclass(frozen=True)
class Rule:
    """Who may call a method; of one about a run, in which states; and whether it may move a payload."""

    caller: Caller
    states: frozenset[RunState] = frozenset()
    transfer: bool = False


def _in(*states: RunState) -> frozenset[RunState]:
    return frozenset(states)


_ALWAYS = frozenset(RunState)
_UNDER_WAY = _in(*RunState.under_way())

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "Hello": Rule(Caller.ENROLLED),
        # Without a run it is the node's own sign of life.
        "Beat": Rule(Caller.MEMBER, _ALWAYS),
        # Each party is given its own column, and is the only one that can accept for itself.
        "GetCatalogue": Rule(Caller.ENROLLED, transfer=True),
        "AcceptCatalogue": Rule(Caller.ENROLLED),
        "AnnounceOffer": Rule(Caller.ENROLLED, transfer=True),
        "ListOffers": Rule(Caller.ENROLLED, transfer=True),
        "GetPlan": Rule(Caller.MEMBER, _ALWAYS, transfer=True),
        "AnswerRun": Rule(Caller.MEMBER, _UNDER_WAY),
        # It waits in a run that gathers; who lost the last reply asks again in one that publishes.
        "Exchange": Rule(Caller.JOINED, _UNDER_WAY, transfer=True),
        # It finds what the caller itself has sent, in whichever run.
        "GetHeld": Rule(Caller.ENROLLED),
        # The last reply reaches a party before the run's own task has seen that it publishes; and who lost
        # the acknowledgement sends the same bytes again to one that has finished.
        "Publish": Rule(
            Caller.JOINED, _in(RunState.RUNNING, RunState.PUBLISHING, RunState.FINISHED), transfer=True
        ),
        "GetPublication": Rule(Caller.MEMBER, _in(RunState.FINISHED), transfer=True),
        "Withdraw": Rule(Caller.MEMBER, _in(RunState.FINISHED)),
        "ListWithdrawals": Rule(Caller.ENROLLED, transfer=True),
        "Match": Rule(Caller.ENROLLED, transfer=True),
        "Renew": Rule(Caller.ENROLLED),
        # The standard health service beside it; a watch ends with the process.
        "Check": Rule(Caller.ENROLLED),
        "List": Rule(Caller.ENROLLED),
        "Watch": Rule(Caller.ENROLLED),
    }
)


def check_rules(rules: Mapping[str, Rule] = RULES) -> None:
    """Raise FedDMFError unless each method on the wire has a rule; the server does not start otherwise."""
    services = pb.DESCRIPTOR.services_by_name["Federation"], health_pb2.DESCRIPTOR.services_by_name["Health"]
    methods = {method.name for service in services for method in service.methods}
    if methods != set(rules):
        named = ", ".join(sorted(methods ^ set(rules)))
        raise FedDMFError(
            f"methods of the federation port and rules of who may call them differ: {named}",
            hint="this is a defect of ours",
        )
