"""The protocol interface: what a round is, in one process or over the network.

A protocol is pure: `init` makes a state, `combine` turns one round's contributions into replies and
the next state. Whoever drives it (a round table) owns waiting, transport and durability.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from feddmf.payload import EMPTY, NOTHING, Payload, PayloadSchema
from feddmf.plan import MatchedRows, Plan

__all__ = ["Arrays", "Capabilities", "Dropout", "Outcome", "Phase", "RunProtocol"]

# Named arrays that stay where they are made.
Arrays = Mapping[str, npt.NDArray[Any]]


class Dropout(enum.Enum):
    """What a protocol does when a party is lost in mid-run."""

    ABORT = "abort"
    RESTART = "restart"
    CONTINUE = "continue"


@dataclass(frozen=True)
class Capabilities:
    """What a protocol can do; run files are checked against it before anybody trains.

    quorum: whether a round may be combined of fewer than all. Every reply is then to everybody, absent or
    not, and one of an earlier round of its phase may be skipped.
    """

    name: str
    min_parties: int = 2
    max_parties: int = 64
    quorum: bool = False
    publishes_vectors: bool = True


@dataclass(frozen=True)
class Phase:
    """`rounds` exchanges of one payload schema up and one down."""

    name: str
    rounds: int
    contribution: PayloadSchema
    reply: PayloadSchema = NOTHING


@dataclass(frozen=True)
class Outcome:
    """What a round came to: the next state, a reply a party, figures for people, whether it was the last."""

    state: Any
    replies: Mapping[str, Payload]
    diagnostics: Mapping[str, Any]
    done: bool = False

    def reply(self, party: str) -> Payload:
        """Return what `party` gets, empty where the phase answers nothing."""
        return self.replies.get(party, EMPTY)


class RunProtocol(Protocol):
    """The coordinator's half."""

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can do."""
        ...

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the phases in order; both sides derive them from the plan."""
        ...

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of what each party publishes after the run."""
        ...

    def init(self, plan: Plan, rows: MatchedRows) -> Any:
        """Return the state before the first round."""
        ...

    def combine(self, state: Any, phase: str, number: int, contributions: Mapping[str, Payload]) -> Outcome:
        """Combine one round; contributions come in sorted party id. Raises Misconduct or RunFailed.

        They are all parties', or with a quorum those of the parties who were there.
        """
        ...

    def snapshot(self, state: Any) -> Arrays:
        """Return everything that `restore` needs to make `state` again, bit for bit."""
        ...

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> Any:
        """Return the state that `snapshot` was made of."""
        ...

    def on_dropout(self, state: Any, party: str) -> Dropout:
        """Decide what the loss of `party` means."""
        ...
