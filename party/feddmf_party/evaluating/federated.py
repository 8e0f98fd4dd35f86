"""A protocol as a contender: the members of a run in one process, offering all that they alone sell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from feddmf.members.base import Member
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.rounds import RoundRecord
from feddmf.runfile import RunSettings
from feddmf.scoring import scorer_for
from feddmf.simulation import simulate
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Floats, OnRound, Outcome

__all__ = ["run_federated"]

_RUN = "evaluated"


def run_federated(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Run the protocol of `settings`, then score at home against what the peers published.

    Raises CatalogueError where a party shares no item, RunFailed where the run fails.
    """
    plan = Plan(run=_RUN, catalogue=federation.catalogue.digest(), settings=settings)
    items = {party: PartyItems(plan, federation.catalogue.view(party)) for party in plan.roster}
    rows = matched_rows(federation.catalogue, plan)
    members = {
        party: member_for(items[party], federation.companies[party].data, items[party].exclusive)
        for party in plan.roster
    }
    records: list[RoundRecord] = []

    def record(done: RoundRecord) -> None:
        records.append(done)
        on_round(f"{len(records)} rounds, {sum(each.bytes_up for each in records) / 1e6:.1f} MB")

    simulate(plan, rows, members, on_round=record)
    published = {party: member.publications() for party, member in members.items()}
    sent = sum(each.bytes_up for each in records) + sum(each.nbytes for each in published.values())
    return _score(federation, settings.protocol, members, published, rounds=len(records), bytes_sent=sent)


def _score(
    federation: Federation,
    protocol: str,
    members: Mapping[str, Member],
    published: Mapping[str, Payload],
    *,
    rounds: int,
    bytes_sent: int,
) -> Outcome:
    scorers = {party: scorer_for(protocol, member.model_arrays()) for party, member in members.items()}
    # A linear transfer has no space for what a party itself publishes.
    scores_own = all(scorer.vector_length(party) is not None for party, scorer in scorers.items())

    def score(company: Company, keys: npt.NDArray[np.str_]) -> Floats:
        scorer, users = scorers[company.party], np.arange(len(company.users))
        scores = np.empty((len(users), len(keys)), dtype=np.float32)
        for owner, places in federation.by_owner(keys).items():
            offered = np.searchsorted(federation.companies[owner].own, keys[places])
            vectors = published[owner]["vectors"][offered]
            scores[:, places] = scorer.probabilities(scorer.project(users, owner), vectors)
        return scores

    return Outcome.of(
        federation,
        score,
        rounds=rounds,
        bytes_sent=bytes_sent,
        scores_own=scores_own,
        notes=tuple(_without_support(federation, protocol, members)),
    )


def _without_support(federation: Federation, protocol: str, members: Mapping[str, Member]) -> Iterator[str]:
    """Yield, for each party that has any, how many of its offered items have too few users to be fitted."""
    for party, member in members.items():
        below, offered = int(member.figures().get("below_support", 0)), len(federation.companies[party].own)
        if below:
            yield (
                f"{protocol}: {below} of the {offered} items that {party} offers have fewer users there than "
                f"{protocol}.min_support, and score all users alike"
            )
