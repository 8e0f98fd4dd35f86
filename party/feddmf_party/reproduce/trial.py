"""Collaborative filtering by one machine and by a federation, on the same users: what `fcf` compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.als import Observed, gram, least_squares, misfit
from feddmf.catalogue.table import Catalogue
from feddmf.evaluation import TopK
from feddmf.interactions import Interactions
from feddmf.members.fcf import FCFMember
from feddmf.payload import Payload
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.protocol_settings import FCFSettings
from feddmf.protocols.fcf import FCF, START_STD
from feddmf.protocols.summed import Present, add_up
from feddmf.randomness import generator
from feddmf.runfile import RunSettings
from feddmf.starts import keyed_normal

__all__ = ["Fit", "Trial", "central", "federated", "item_keys", "objective", "quality"]

Floats = npt.NDArray[np.float64]

_HELD_BACK = 0.2
_K = 10


@dataclass(frozen=True, eq=False)
class Trial:
    """A data set with a part of each user's items held back, and its users dealt to parties.

    train, held: [users, items]; dealt: by party the codes of its users.
    """

    train: Interactions
    held: Interactions
    dealt: Mapping[str, npt.NDArray[np.int64]]

    @classmethod
    def of(cls, data: Interactions, *, parties: int, seed: int) -> Trial:
        """Hold back a fifth of each user's items at random, and deal the users evenly at random."""
        random = generator(seed, "fcf trial")
        rows = data.rows().astype(np.int64)
        order = np.lexsort((random.random(data.pairs), rows))
        place = np.empty(data.pairs, np.int64)
        place[order] = np.arange(data.pairs) - data.indptr[rows[order]]
        held = place < np.floor(_HELD_BACK * data.user_counts())[rows]
        users = random.permutation(data.users)
        names = [f"p{number:02}" for number in range(parties)]
        dealt = dict(zip(names, (np.sort(part) for part in np.array_split(users, parties)), strict=True))
        return cls(_part(data, rows, ~held), _part(data, rows, held), dealt)

    @property
    def keys(self) -> tuple[str, ...]:
        """The item keys, in the order of the item codes."""
        return item_keys(self.train.items)

    def table(self, party: str) -> Interactions:
        """Return the training pairs of one party, [its users, items]."""
        users = self.dealt[party]
        mine = np.isin(self.train.rows(), users)
        rows = np.searchsorted(users, self.train.rows()[mine])
        return Interactions.from_pairs(rows, self.train.indices[mine], shape=(len(users), self.train.items))

    def observed(self, settings: FCFSettings) -> Observed:
        """Return all training pairs but those of items with too little support at the pair's own party."""
        rows, kept = self.train.rows(), np.zeros(self.train.pairs, np.bool_)
        for users in self.dealt.values():
            mine = np.isin(rows, users)
            counts = np.bincount(self.train.indices[mine], minlength=self.train.items)
            kept |= mine & (counts >= settings.min_support)[self.train.indices]
        left = _part(self.train, rows.astype(np.int64), kept)
        return Observed(left.indptr, left.indices, np.full(left.pairs, 1 + settings.alpha), left.items)

    @cached_property
    def truth(self) -> npt.NDArray[np.bool_]:
        """Which of its held-back items each user has, bool [users, items]."""
        dense = np.zeros((self.held.users, self.held.items), np.bool_)
        dense[self.held.rows(), self.held.indices] = True
        return dense


@dataclass(frozen=True, eq=False)
class Fit:
    """Factors after some rounds, the item ones [items, rank]; bytes that one party has sent so far."""

    items: Floats
    round: int
    bytes_sent: int = 0


def central(trial: Trial, settings: FCFSettings, *, seed: int, iterations: int) -> Fit:
    """Return the factors of ALS over everybody's pairs on one machine, from the federation's own start."""
    observed = trial.observed(settings)
    turned = observed.transposed()
    items = keyed_normal(trial.keys, settings.rank, START_STD, seed)
    for _ in range(iterations):
        users = least_squares(observed, items, settings.regularization)
        items = least_squares(turned, users, settings.regularization)
    return Fit(items, iterations)


def federated(
    trial: Trial, settings: FCFSettings, *, seed: int, share: float = 1.0, part: float = 1.0
) -> Iterator[Fit]:
    """Yield the factors after each round of a federation of the trial's parties.

    share: how many of the parties contribute to a round, drawn anew each time; the total is scaled up to
    stand for all. part: how many of the items are exchanged and stepped in a round, drawn anew each time.
    """
    catalogue = _catalogue(trial)
    plan = _plan(trial, settings, seed, catalogue)
    rows = matched_rows(catalogue, plan)
    members = {
        party: FCFMember(PartyItems(plan, catalogue.view(party)), trial.table(party), ())
        for party in plan.roster
    }
    protocol, sent = FCF(), 0
    everybody = Present(len(plan.roster), rows.owners)
    phase = protocol.phases(plan)[0]
    state = protocol.init(plan, rows)
    for number in range(settings.rounds):
        random = generator(seed, "fcf round", number)
        asked = sorted(random.permutation(plan.roster)[: max(1, round(share * len(plan.roster)))].tolist())
        reply = Payload({"factors": state.factors}) if number else None
        contributions = {party: members[party].contribute(phase.name, number, reply) for party in asked}
        totals = add_up(rows, phase.contribution, contributions)
        scaled = {name: total * (len(plan.roster) / len(asked)) for name, total in totals.items()}
        stepped = protocol.step(state, phase.name, number, scaled, everybody).state
        chosen = random.random(rows.n_aligned) < part
        state = replace(stepped, factors=np.where(chosen[:, None], stepped.factors, state.factors))
        up = next(iter(contributions.values()))
        over_items = sum(each.nbytes for each in up.values() if len(each) > 1)
        sent += round((up.nbytes - over_items + over_items * np.count_nonzero(chosen) / len(chosen)) * share)
        yield Fit(state.factors, number + 1, sent)


def objective(trial: Trial, settings: FCFSettings, items: Floats) -> float:
    """Return J over everybody's pairs for these item factors, with the users at their best."""
    observed = trial.observed(settings)
    users = least_squares(observed, items, settings.regularization)
    return _objective(observed, users, items, settings.regularization)


def quality(trial: Trial, settings: FCFSettings, items: Floats) -> dict[str, float]:
    """Return ranking metrics at 10 over all items but a user's training ones, and RMSE on held-back pairs."""
    observed = trial.observed(settings)
    users = least_squares(observed, items, settings.regularization)
    scores = users @ items.T
    error = 1 - scores[trial.held.rows(), trial.held.indices]
    scores[trial.train.rows(), trial.train.indices] = -np.inf
    top = TopK.of(trial.truth, scores, _K)
    precision, recall = top.precision(), top.recall()
    found = precision + recall
    return {
        "precision_at_10": precision,
        "recall_at_10": recall,
        "f1_at_10": 2 * precision * recall / found if found else 0.0,
        "map_at_10": top.mean_average_precision(),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "objective": _objective(observed, users, items, settings.regularization),
    }


def item_keys(count: int) -> tuple[str, ...]:
    """Return the keys of `count` items, in the order of their codes."""
    return tuple(f"{number:06}" for number in range(count))


def _objective(observed: Observed, users: Floats, items: Floats, regularization: float) -> float:
    squares = np.trace(gram(users)) + np.trace(gram(items))
    return misfit(observed, users, items) + regularization * float(squares)


def _part(data: Interactions, rows: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> Interactions:
    return Interactions.from_pairs(rows[kept], data.indices[kept], shape=(data.users, data.items))


def _plan(trial: Trial, settings: FCFSettings, seed: int, catalogue: Catalogue) -> Plan:
    run = RunSettings(
        name="trial",
        purpose="a published experiment",
        parties=tuple(trial.dealt),
        protocol="fcf",
        seed=seed,
        fcf=settings,
    )
    return Plan(run="trial", catalogue=catalogue.digest(), settings=run)


def _catalogue(trial: Trial) -> Catalogue:
    """Everybody sells everything, as in the paper."""
    column = {key: key for key in trial.keys}
    return Catalogue(version=1, labels=column, columns=dict.fromkeys(trial.dealt, column))
