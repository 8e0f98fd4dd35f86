"""A party that lost its ledger is let go on: by an operator, for a reason, never in the middle of a run."""

from __future__ import annotations

from datetime import UTC, datetime

from feddmf.errors import InputError
from feddmf.identity import check_party
from feddmf.ledger import Head
from feddmf_coordinator.operating import operating
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.enrolment import list_parties
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.runs import RunState, list_runs

__all__ = ["let_go_on"]


def let_go_on(folder: CoordinatorFolder, party: str, *, reason: str) -> Head:
    """Let `party` tell another ledger than it told before; return the longest that it told.

    The operators' log and the coordinator's ledger both say so, and a server that runs knows it at once.
    Raises InputError where a run of the party is under way, in which it would send something a second time,
    where there is no such party or it has told no ledger, and for an empty reason.
    """
    if not reason.strip():
        raise InputError("there is no reason", hint="say what happened, for everybody's audit: --reason")
    with operating(folder, "ledger reset", party=check_party(party), reason=reason) as act:
        if party not in {each.party for each in list_parties(act.connection, now=datetime.now(UTC))}:
            raise InputError(f"there is no party {party!r}", hint="list them: feddmf coordinator status")
        for run in list_runs(act.connection, *RunState.under_way()):
            if party in run.plan.roster:
                raise InputError(
                    f"{party} is in run {run.run}, which is under way: it would send what it sent before, or "
                    "something else in its place",
                    hint=f"end it first: feddmf run stop {run.run}",
                )
        receipts = Receipts(folder, folder.load().federation)
        last = receipts.reset(party, reason=reason, operator=act.operator)
        act.what.update(length=last.length, head=last.hash)
    return last
