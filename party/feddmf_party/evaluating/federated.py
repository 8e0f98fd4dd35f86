"""A protocol as a contender: the members of a run in one process, offering all that somebody lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.combining import measured_skills, weigh
from feddmf.history_scoring import HistoryScorer
from feddmf.members.base import Member
from feddmf.members.item_release import draw_once
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord
from feddmf.runfile import RunSettings
from feddmf.scoring import Scorer, scorer_for
from feddmf.simulation import simulate
from feddmf_party.evaluating.at_home import AtHome
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Floats, OnRound, Outcome
from feddmf_party.evaluating.pooling import pool_owners

__all__ = ["run_federated"]

Strings = npt.NDArray[np.str_]

_RUN = "evaluated"


def run_federated(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Run the protocol of `settings`, then score at home against what the peers published.

    Raises CatalogueError where a party shares no item, RunFailed where the run fails.
    """
    plan = Plan(run=_RUN, catalogue=federation.catalogue.digest(), settings=settings)
    items = {party: PartyItems(plan, federation.catalogue.view(party)) for party in plan.roster}
    rows = matched_rows(federation.catalogue, plan)
    members = {
        party: member_for(
            items[party],
            company.data,
            items[party].askable,
            company.user_attributes,
            release=draw_once(items[party], company.data, items[party].askable),
        )
        for party, company in federation.companies.items()
    }
    records: list[RoundRecord] = []

    def record(done: RoundRecord) -> None:
        records.append(done)
        on_round(f"{len(records)} rounds, {sum(each.bytes_up for each in records) / 1e6:.1f} MB")

    simulate(plan, rows, members, on_round=record)
    published = {party: member.publications() for party, member in members.items()}
    publication = protocol_for(settings.protocol).publication(plan)
    sent = sum(each.bytes_up for each in records)
    sent += sum(publication.sent_bytes(each) for each in published.values())
    return _score(federation, settings, members, published, rounds=len(records), bytes_sent=sent)


def _score(
    federation: Federation,
    settings: RunSettings,
    members: Mapping[str, Member],
    published: Mapping[str, Payload],
    *,
    rounds: int,
    bytes_sent: int,
) -> Outcome:
    arrays = {party: member.model_arrays() for party, member in members.items()}
    scorers = {party: scorer_for(settings.protocol, each) for party, each in arrays.items()}
    weights = {party: _weights(each, scorers[party], federation.parties) for party, each in arrays.items()}
    # A linear transfer has no space for what a party itself publishes.
    scores_own = all(scorer.vector_length(party) is not None for party, scorer in scorers.items())

    def score(company: Company, keys: Strings) -> Floats:
        scorer, users = scorers[company.party], np.arange(len(company.users))

        def score_by(owner: str, theirs: Strings) -> Floats:
            if scorer.vector_length(owner) is None:
                return np.zeros((len(users), len(theirs)), dtype=np.float32)
            offered = np.searchsorted(federation.companies[owner].askable, theirs)
            vectors = published[owner]["vectors"][offered]
            if isinstance(scorer, HistoryScorer) and np.isin(theirs, company.attributes).all():
                return scorer.score_user_attributes(users, owner, vectors)
            return scorer.score(users, owner, vectors)

        return pool_owners(federation, company, keys, score_by, weights[company.party])

    return Outcome.of(
        federation,
        score,
        rounds=rounds,
        bytes_sent=bytes_sent,
        scores_own=scores_own,
        notes=tuple(_without_support(federation, settings, members)),
        at_home=_at_home(arrays, scorers),
    )


def _at_home(
    arrays: Mapping[str, Mapping[str, npt.NDArray[Any]]], scorers: Mapping[str, Scorer]
) -> Mapping[str, AtHome]:
    """Return what parties with heads learned from the items that they hid."""
    found = {
        party: AtHome.of(arrays[party], scorer.heads)
        for party, scorer in scorers.items()
        if isinstance(scorer, HistoryScorer)
    }
    return {party: each for party, each in found.items() if each is not None}


def _weights(
    arrays: Mapping[str, npt.NDArray[Any]], scorer: Scorer, parties: Sequence[str]
) -> Mapping[str, float]:
    """Return what each party counts where several sell an item; one whose items cannot be scored, nothing."""
    known = [party for party in parties if scorer.vector_length(party) is not None]
    found = dict(zip(known, weigh(measured_skills(arrays, known)).tolist(), strict=True))
    return {party: found.get(party, 0.0) for party in parties}


def _without_support(
    federation: Federation, settings: RunSettings, members: Mapping[str, Member]
) -> Iterator[str]:
    """Yield, for each party that has any, how many of its offered items have too few users to be fitted."""
    name = settings.protocol
    section = "transfer" if settings.has_history else name
    effect = "have no linear vector" if settings.has_history else "score all users alike"
    for party, member in members.items():
        below = int(member.figures().get("below_support", 0))
        if below:
            offered = len(federation.companies[party].askable)
            yield (
                f"{name}: {below} of the {offered} items that {party} offers have fewer users there than "
                f"{section}.min_support, and {effect}"
            )
