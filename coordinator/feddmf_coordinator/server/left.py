"""What an earlier process of the coordinator left of a run in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from feddmf.errors import RunFailed
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import RunState, find_run, list_answers, list_rounds

__all__ = ["Left", "find_left"]


@dataclass(frozen=True)
class Left:
    """Where a run stood; refused: why each party that said no did so; published: digests of vectors, in hex.

    rounds_noted: how many rounds have their figures in the database; more may have been kept.
    """

    state: RunState
    accepted: frozenset[str]
    refused: Mapping[str, str]
    published: Mapping[str, str]
    rounds_noted: int

    def check_answers(self) -> None:
        """Raise RunFailed where somebody said no: the process died before it could end the run for it."""
        for party, reason in self.refused.items():
            does = "declines" if self.state is RunState.GATHERING else "leaves"
            raise RunFailed(f"{party} {does} the run: {reason}", hint=f"settle it with {party}; submit again")


def find_left(connection: Connection, run: str) -> Left:
    """Return what the database has of a run under way."""
    answers = list_answers(connection, run)
    return Left(
        state=find_run(connection, run).state,
        accepted=frozenset(party for party, (accepted, _) in answers.items() if accepted),
        refused={party: reason for party, (accepted, reason) in answers.items() if not accepted},
        published={each.party: each.sha256 for each in list_publications(connection, run)},
        rounds_noted=max((each["position"] + 1 for each in list_rounds(connection, run)), default=0),
    )
