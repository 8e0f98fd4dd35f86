"""Federated collaborative filtering against a central one, written down here from its equations alone.

A run goes through members, protocol and round table. The central reference knows all users, and which
cells there are: the cells of an item are those of the users of its sellers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.fcf import FCFMember
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.plan import MatchedRows, PartyItems, Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord
from feddmf.simulation import simulate
from feddmf.starts import keyed_normal
from support.runs import run_settings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

METHODS = ("adam", "mm", "exact")
USERS, ITEMS, EACH = 120, 24, 8
RANK, WEIGHT = 4, 1.5


@dataclass(frozen=True, eq=False)
class Federation:
    """Parties with their users of one big table; users and items are looked at as in that table.

    has: [users, items]; dealt: the party of each user, [users]; sold: who sells what, [parties, items].
    """

    has: Bools
    dealt: Codes
    sold: Bools
    keys: tuple[str, ...]
    plan: Plan
    rows: MatchedRows
    items: Mapping[str, PartyItems]
    members: Mapping[str, Member]
    records: list[RoundRecord] = field(default_factory=list)

    def run(self) -> Federation:
        """Take all members through the run."""
        simulate(self.plan, self.rows, self.members, on_round=self.records.append)
        return self

    @property
    def objectives(self) -> Floats:
        """J of each round."""
        return np.array([each.diagnostics["objective"] for each in self.records if each.phase != "keys"])

    @property
    def users(self) -> Floats:
        """User factors, [users, rank]."""
        found = np.empty((len(self.has), self.plan.settings.fcf.rank))
        for number, member in enumerate(self.members.values()):
            found[self.dealt == number] = member.model_arrays()["user_factors"]
        return found

    @property
    def factors(self) -> Floats:
        """Item factors, [items, rank]; sellers of the same item have the same ones, bit for bit."""
        found = np.full((len(self.keys), self.plan.settings.fcf.rank), np.nan)
        for mine, member in zip(self.sold, self.members.values(), strict=True):
            factors = member.model_arrays()["item_factors"]
            assert (np.isnan(found[mine]) | (found[mine] == factors)).all()
            found[mine] = factors
        return found


@dataclass(frozen=True, eq=False)
class Central:
    """Factors of all users and items, and J of each round."""

    users: Floats
    factors: Floats
    objectives: Floats


def tastes(seed: int = 0, users: int = USERS, items: int = ITEMS, each: int = EACH) -> Bools:
    """Return which user has which item: those that fit one of a few tastes, and some by chance."""
    generator = np.random.default_rng(seed)
    fits = generator.normal(size=(users, 3)) @ generator.normal(size=(3, items)) + generator.normal(
        size=items
    )
    chosen = np.argsort(-2 * fits - generator.gumbel(size=fits.shape), axis=1)[:, :each]
    has = np.zeros((users, items), dtype=bool)
    np.put_along_axis(has, chosen, values=True, axis=1)
    return has


def deal(parties: int, users: int = USERS) -> Codes:
    """Return the party of each user, in turn."""
    return np.arange(users) % parties


def all_sell(parties: int, items: int = ITEMS) -> Bools:
    """Return that everybody sells everything."""
    return np.ones((parties, items), dtype=bool)


def overlap(items: int = ITEMS) -> Bools:
    """Return three parties' catalogues, in which items are sold by one, by each two or by all three."""
    kinds = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    return kinds[np.arange(items) % len(kinds)].T.astype(bool)


def federate(
    has: Bools,
    dealt: Codes,
    sold: Bools,
    *,
    masks: bool = False,
    values: Floats | None = None,
    **fcf: Any,
) -> Federation:
    """Return a run with factors of length RANK, lambda WEIGHT and no minimum support, but for `fcf`.

    values: those of the pairs, [users, items]; without it all are 1.
    """
    values = np.ones(has.shape) if values is None else values
    names = tuple(f"p{number:02}" for number in range(len(sold)))
    keys = tuple(f"i{number:05}" for number in range(has.shape[1]))
    columns = {
        name: {keys[item]: str(item) for item in np.flatnonzero(mine)}
        for name, mine in zip(names, sold, strict=True)
    }
    catalogue = Catalogue(1, dict.fromkeys(keys, ""), columns)
    fcf = {"rank": RANK, "regularization": WEIGHT, "rounds": 8, "min_support": 1} | fcf
    settings = run_settings(names, protocol="fcf", masks=masks, fcf=fcf)
    plan = Plan(run="fcf-1", catalogue=catalogue.digest(), settings=settings)
    items = {name: PartyItems(plan, catalogue.view(name)) for name in names}
    members = {}
    for number, name in enumerate(names):
        table = has[dealt == number][:, sold[number]]
        weighed = values[dealt == number][:, sold[number]][table]
        data = Interactions.from_pairs(*table.nonzero(), weighed, shape=table.shape)
        members[name] = member_for(items[name], data, items[name].exclusive)
    return Federation(has, dealt, sold, keys, plan, matched_rows(catalogue, plan), items, members)


def side(weights: Floats, preferences: Floats, factors: Floats, weight: float) -> Floats:
    """Return the least squares of each row, [rows, rank]; weights are 0 where there is no cell."""
    eye = weight * np.eye(factors.shape[1])
    rows = zip(weights, preferences, strict=True)
    return np.stack([np.linalg.solve((factors.T * w) @ factors + eye, factors.T @ (w * p)) for w, p in rows])


def central_als(federation: Federation) -> Central:
    """Return alternating least squares over all cells of a federation, from the same start.

    Items of one seller follow its users at once, and all others are solved at the end of a round.
    """
    settings, cells = federation.plan.settings.fcf, federation.sold[federation.dealt]
    preferences = supported(federation).astype(float)
    weights, weight = cells * (1 + settings.alpha * preferences), settings.regularization
    lone = federation.sold.sum(axis=0) == 1
    users = np.empty(0)
    factors = keyed_normal(federation.keys, settings.rank, 0.01, federation.plan.settings.seed)
    objectives = []
    for number in range(settings.rounds + 1):
        users = side(weights, preferences, factors, weight)
        solved = side(weights.T, preferences.T, users, weight)
        factors = np.where(lone[:, None], solved, factors)
        misfit = (weights * (preferences - users @ factors.T) ** 2).sum()
        objectives.append(misfit + weight * ((users**2).sum() + (factors**2).sum()))
        factors = solved if number < settings.rounds else factors
    return Central(users, factors, np.array(objectives))


def supported(federation: Federation) -> Bools:
    """Return the observed cells, less those of items of which a party has too few users, [users, items]."""
    observed = federation.has & federation.sold[federation.dealt]
    for number in range(len(federation.sold)):
        mine = federation.dealt == number
        observed[mine] &= observed[mine].sum(axis=0) >= federation.plan.settings.fcf.min_support
    return observed


def payloads(federation: Federation) -> list[Payload]:
    """Return everything that the parties send in a run, round by round, and then publish."""
    protocol = protocol_for("fcf")
    state, replies = protocol.init(federation.plan, federation.rows), {}
    sent = []
    for phase in protocol.phases(federation.plan):
        for number in range(phase.rounds):
            round_ = {
                p: m.contribute(phase.name, number, replies.get(p)) for p, m in federation.members.items()
            }
            sent += round_.values()
            outcome = protocol.combine(state, phase.name, number, round_)
            state, replies = outcome.state, outcome.replies
    return sent + [member.publications() for member in federation.members.values()]


@pytest.mark.parametrize("alpha", [1.0, 10.0])
def test_the_gradient_is_the_dense_one(alpha: float) -> None:
    """What all parties send adds up to the gradient over all cells, to 1e-10, for every overlap."""
    run = federate(tastes(), deal(3), overlap(), alpha=alpha)
    total = np.zeros((run.rows.n_aligned, RANK))
    for party, member in run.members.items():
        total[run.rows.aligned[party]] += member.contribute("items", 0, None)["gradient"]
    cells, matched = run.sold[run.dealt], [run.keys.index(key) for key in run.rows.keys]
    weights = cells * (1 + alpha * run.has)
    expected = -2 * (weights * (run.has - run.users @ run.factors.T)).T @ run.users
    np.testing.assert_allclose(total, expected[matched], rtol=0, atol=1e-10)


@pytest.mark.parametrize("min_support", [1, 5])
@pytest.mark.parametrize("parties", [2, 3, 10])
def test_exact_is_central_als(parties: int, min_support: int) -> None:
    """Users dealt to any number of parties get the factors that all would get in one place, to 1e-10."""
    run = federate(
        tastes(), deal(parties), all_sell(parties), method="exact", min_support=min_support, rounds=15
    ).run()
    assert (supported(run).sum() < run.has.sum()) == (min_support > 1)
    central = central_als(run)
    np.testing.assert_allclose(run.users, central.users, rtol=0, atol=1e-10)
    np.testing.assert_allclose(run.factors, central.factors, rtol=0, atol=1e-10)
    np.testing.assert_allclose(run.objectives, central.objectives, rtol=1e-10)


@pytest.mark.parametrize("min_support", [1, 5])
def test_exact_is_central_als_where_catalogues_overlap_in_part(min_support: int) -> None:
    """An item sold by one, two or three parties is solved over the users of its sellers, to 1e-10."""
    run = federate(tastes(), deal(3), overlap(), method="exact", min_support=min_support, rounds=15).run()
    central = central_als(run)
    np.testing.assert_allclose(run.users, central.users, rtol=0, atol=1e-10)
    np.testing.assert_allclose(run.factors, central.factors, rtol=0, atol=1e-10)
    np.testing.assert_allclose(run.objectives, central.objectives, rtol=1e-10)


def test_on_the_grid_the_number_of_parties_changes_no_bit() -> None:
    """Users at one party, with another one beside it that has nothing, or at 2, 3 or 10: the same bytes."""
    has = np.vstack((tastes(), np.zeros((1, ITEMS), dtype=bool)))
    alone = (np.arange(USERS + 1) == USERS).astype(np.int64)
    deals = [alone, *(deal(parties, USERS + 1) for parties in (2, 3, 10))]
    ends = {grid: set[bytes]() for grid in (False, True)}
    for grid, seen in ends.items():
        for dealt in deals:
            run = federate(has, dealt, all_sell(dealt.max() + 1), method="exact", grid=grid).run()
            seen.add(run.factors.tobytes() + run.users.tobytes())
    assert (len(ends[True]), len(ends[False])) == (1, len(deals))


@pytest.mark.parametrize("method", METHODS)
def test_masks_change_nothing(method: str) -> None:
    """Under masks all factors are those of the run in the open, to 1e-9."""
    plain, hidden = (
        federate(tastes(), deal(3), overlap(), method=method, masks=masks).run() for masks in (False, True)
    )
    assert len(hidden.records) == len(plain.records) + 1
    np.testing.assert_allclose(hidden.users, plain.users, rtol=0, atol=1e-9)
    np.testing.assert_allclose(hidden.factors, plain.factors, rtol=0, atol=1e-9)
    np.testing.assert_allclose(hidden.objectives, plain.objectives, rtol=1e-9)


def test_on_the_grid_masks_change_no_bit() -> None:
    """Sums of whole multiples of 2^-36 go through fixed point as they are."""
    runs = [
        federate(tastes(), deal(3), overlap(), method="exact", grid=True, masks=masks).run()
        for masks in (False, True)
    ]
    assert runs[0].factors.tobytes() == runs[1].factors.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_mm_ends_where_als_does(seed: int) -> None:
    """After 20 rounds J is at most 1.002 times what as many rounds of ALS reach."""
    run = federate(tastes(seed), deal(3), all_sell(3), rounds=20, min_support=1).run()
    assert run.objectives[-1] <= 1.002 * central_als(run).objectives[-1]


@pytest.mark.parametrize("alpha", [1.0, 10.0])
@pytest.mark.parametrize("sold", [all_sell(3), overlap()], ids=["all", "overlap"])
def test_mm_never_rises(sold: Bools, alpha: float) -> None:
    """Round after round J falls, for little and much confidence and for every overlap."""
    run = federate(tastes(), deal(3), sold, alpha=alpha, rounds=40).run()
    assert (np.diff(run.objectives) < 0).all()


def test_mm_never_rises_with_values_as_confidences() -> None:
    """Also where many values are above the largest that counts, which is then what bounds them."""
    values = np.random.default_rng(6).exponential(6, (USERS, ITEMS))
    run = federate(tastes(), deal(3), overlap(), values=values, confidence="values", rounds=40).run()
    assert (np.diff(run.objectives) < 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_objective_is_the_dense_one(method: str) -> None:
    """J at the close is that of the factors that are left, cell by cell, with lambda once for each factor."""
    run = federate(tastes(), deal(3), overlap(), method=method, alpha=2.5).run()
    cells = run.sold[run.dealt]
    misfit = (cells * (1 + 2.5 * run.has) * (run.has - run.users @ run.factors.T) ** 2).sum()
    expected = misfit + WEIGHT * ((run.users**2).sum() + (run.factors**2).sum())
    assert run.objectives[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_no_more_is_sent_than_the_formula_says(method: str) -> None:
    """Bytes a round are those of the sums, and at most 5 % more."""
    run = federate(tastes(), deal(3), overlap(), method=method, rank=20).run()
    packed = 20 * 21 // 2
    sizes = {
        "adam": lambda items: 8 * items * 20,
        "mm": lambda items: 8 * (items * 20 + packed),
        "exact": lambda items: 8 * (items * (packed + 20) + packed),
    }
    allowed = sum(sizes[method](len(items.matched)) for items in run.items.values())
    sent = [record.bytes_up for record in run.records if record.phase == "items"]
    assert len(set(sent)) == 1
    assert 0.9 * allowed < sent[0] <= 1.05 * allowed


@pytest.mark.parametrize("confidence", ["binary", "values"])
@pytest.mark.parametrize("method", METHODS)
def test_items_of_few_users_leave_no_trace(method: str, confidence: str) -> None:
    """Without the pairs of items below the default support not one bit of what leaves is another."""
    has, dealt = tastes(seed=4, users=60, items=48), deal(3, 60)
    kept = supported(federate(has, dealt, overlap(48), min_support=5))
    # The largest values are those of pairs that go.
    values = np.where(kept, 1 + np.arange(48) % 3, 9.0)

    def federated(pairs: Bools) -> Federation:
        return federate(
            pairs,
            dealt,
            overlap(48),
            method=method,
            min_support=5,
            values=values,
            confidence=confidence,
        )

    run = federated(has)
    lost = (has & ~kept & run.sold[dealt]).any(axis=0)
    alone = run.sold.sum(axis=0) == 1
    assert (lost & alone).any()  # items of every kind are concerned,
    assert (lost & ~alone).any()
    assert kept.any(axis=0).sum() > 15  # and many are not
    bare = federated(kept)
    sent, again = payloads(run), payloads(bare)
    assert [payload.sha256() for payload in sent] == [payload.sha256() for payload in again]
    for party, member in run.members.items():
        assert member.figures() == bare.members[party].figures()
    # One pair less of an item that has enough users is seen.
    item = kept.sum(axis=0).argmax()
    kept[kept[:, item].argmax(), item] = False
    other = payloads(federated(kept))
    assert [payload.sha256() for payload in other] != [payload.sha256() for payload in sent]


def test_statistics_of_items_of_few_users_are_those_of_unobserved_ones() -> None:
    """In what exact sends, an item with 1 to 4 users has the Gram of all users, and nothing observed."""
    run = federate(
        tastes(seed=4, users=60, items=48), deal(3, 60), overlap(48), method="exact", min_support=5
    )
    packed = RANK * (RANK + 1) // 2
    few = 0
    for number, (party, member) in enumerate(run.members.items()):
        assert isinstance(member, FCFMember)
        statistics = member.contribute("items", 0, None)["statistics"]
        codes = np.flatnonzero(run.sold[number])[run.items[party].matched_codes]
        counts = run.has[run.dealt == number][:, codes].sum(axis=0)
        users = member.model_arrays()["user_factors"]
        gram = (users.T @ users)[np.triu_indices(RANK)]
        below = counts < 5
        few += int((below & (counts > 0)).sum())
        assert (statistics[below, :packed] == gram).all()
        assert not statistics[below, packed:].any()
        assert (statistics[~below, packed:] != 0).all()
    assert few > 10


def ml_latest_small() -> tuple[Bools, Bools]:
    """Return what users have in training and what is held out of it, a fifth a user, [users, items] each."""
    path = Path(os.environ.get("FEDDMF_DATA_DIR", ""), "ml-latest-small", "ratings.csv")
    if not path.is_file():
        pytest.skip("ml-latest-small is not on this machine (FEDDMF_DATA_DIR)")
    pairs = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1), dtype=np.int64)
    users, items = (np.unique(column, return_inverse=True)[1] for column in pairs.T)
    has = np.zeros((users.max() + 1, items.max() + 1), dtype=bool)
    has[users, items] = True
    # Each user's pairs in an order by chance, of which the first fifth is held out.
    order = np.lexsort((np.random.default_rng(0).random(len(users)), users))
    users, items = users[order], items[order]
    counts = np.bincount(users)
    places = np.arange(len(users)) - (np.cumsum(counts) - counts)[users]
    held = places < np.round(0.2 * counts)[users]
    test = np.zeros_like(has)
    test[users[held], items[held]] = True
    return has & ~test, test


def ranked(test: Bools, scores: Floats) -> tuple[float, float]:
    """Return the precision and the mean average precision of the best ten, over users with a test item."""
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1), axis=1)
    hits = np.take_along_axis(test, top, axis=1)
    there = test.any(axis=1)
    gained = (hits * np.cumsum(hits, axis=1) / np.arange(1, 11)).sum(axis=1)
    average = gained[there] / np.minimum(test.sum(axis=1)[there], 10)
    return float(hits[there].mean()), float(average.mean())


def test_mm_reaches_its_floors_on_real_films() -> None:
    """On ml-latest-small with its 610 users at two parties: P@10 of .27 or more, MAP@10 of .20 or more."""
    train, test = ml_latest_small()
    run = federate(
        train, deal(2, len(train)), all_sell(2, train.shape[1]), rank=20, regularization=10.0, rounds=20
    ).run()
    precision, average = ranked(test, np.where(train, -np.inf, run.users @ run.factors.T))
    assert precision >= 0.27
    assert average >= 0.20
    assert (np.diff(run.objectives) < 0).all()
