"""The party's half of federated collaborative filtering: what it solves, what it gives, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from feddmf.errors import DataError, InputError
from feddmf.interactions import Interactions
from feddmf.members.fcf import FCFMember
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.protocols.fcf import FCF, LOSS_UNIT
from feddmf.simulation import simulate
from feddmf.starts import keyed_normal
from support.runs import SmallRun, small_run

METHODS = ("adam", "mm", "exact")


def make_run(method: str = "mm", **settings: Any) -> SmallRun:
    """Return a run of two parties of 20 users, with 10 matched items and 3 own ones each."""
    fcf = {"method": method, "rank": 3, "regularization": 1.0, "rounds": 3, "min_support": 2, **settings}
    return small_run(2, shared=10, own=3, users=20, each=4, protocol="fcf", fcf=fcf)


def make_member(run: SmallRun, table: Interactions | None = None) -> FCFMember:
    """Return a fresh member for acme that offers all its exclusive items."""
    return FCFMember(run.items["acme"], table or run.tables["acme"], run.items["acme"].exclusive)


def reply_to(run: SmallRun) -> Payload:
    """Return factors for the matched items."""
    matched = len(run.items["acme"].matched)
    return Payload({"factors": np.random.default_rng(0).normal(size=(matched, 3))})


def table_of(run: SmallRun, users: list[int], items: list[int], values: list[float]) -> Interactions:
    """Return a table of 20 users and acme's items with these pairs."""
    shape = (20, len(run.items["acme"].view.keys))
    return Interactions.from_pairs(np.array(users), np.array(items), np.array(values), shape=shape)


def dense(table: Interactions) -> np.ndarray[Any, Any]:
    """Return which user has which item, as floats."""
    found = np.zeros((table.users, table.items))
    found[table.rows(), table.indices] = 1
    return found


@pytest.mark.parametrize("method", METHODS)
def test_what_it_gives_fits_the_schema(method: str) -> None:
    """Sums and a loss in the items phase, a loss alone at the close, in the declared order."""
    run = make_run(method)
    member, items = make_member(run), run.items["acme"]
    for phase, reply in zip(FCF().phases(run.plan), (None, reply_to(run)), strict=True):
        phase.contribution.check(member.contribute(phase.name, 0, reply), items.sizes(3))
    FCF().publication(run.plan).check(member.publications(), items.sizes(3))


def test_users_are_solved_over_all_items_of_the_party() -> None:
    """The first factors are drawn by key; users follow from them, own items from the users, then the loss."""
    run = make_run(min_support=1, alpha=2.0)
    member, items = make_member(run), run.items["acme"]
    table = dense(run.tables["acme"])
    payload = member.contribute("items", 0, None)
    drawn = keyed_normal(items.view.keys, 3, 0.01, 0)
    weights, eye = 1 + 2 * table, np.eye(3)
    users = np.stack(
        [
            np.linalg.solve((drawn.T * w) @ drawn + eye, drawn.T @ (w * p))
            for w, p in zip(weights, table, strict=True)
        ]
    )
    factors = drawn.copy()
    for code in items.codes(items.exclusive):
        w, p = weights[:, code], table[:, code]
        factors[code] = np.linalg.solve((users.T * w) @ users + eye, users.T @ (w * p))
    arrays = member.model_arrays()
    np.testing.assert_allclose(arrays["user_factors"], users, rtol=1e-9)
    np.testing.assert_allclose(arrays["item_factors"], factors, rtol=1e-9)
    own = factors[items.codes(items.exclusive)]
    loss = (weights * (table - users @ factors.T) ** 2).sum() + (users**2).sum() + (own**2).sum()
    assert payload["loss"][0, 0] * LOSS_UNIT == pytest.approx(loss, rel=1e-12)
    assert member.figures()["loss"] == pytest.approx(loss, rel=1e-12)


def test_matched_factors_are_those_of_the_reply() -> None:
    """What the coordinator answers is what users are solved from next, row by row of the matched items."""
    run = make_run()
    member, reply = make_member(run), reply_to(run)
    member.contribute("items", 0, None)
    member.contribute("items", 1, reply)
    codes = run.items["acme"].matched_codes
    assert member.model_arrays()["item_factors"][codes].tobytes() == reply["factors"].tobytes()


def test_what_was_given_does_not_change_afterwards() -> None:
    """Going on does not reach into payloads or snapshots that are still held."""
    run = make_run()
    member = make_member(run)
    held = [member.contribute("items", 0, None), member.publications(), Payload(member.snapshot())]
    before = [payload.sha256() for payload in held]
    member.contribute("items", 1, reply_to(run))
    assert [payload.sha256() for payload in held] == before


@pytest.mark.parametrize("method", METHODS)
def test_a_restored_member_goes_on_bit_for_bit(method: str) -> None:
    """From a snapshot the next contribution and everything that is left are the same bytes."""
    run = make_run(method)
    member, other = make_member(run), make_member(run)
    member.contribute("items", 0, None)
    other.restore(member.snapshot())
    assert other.figures() == member.figures()
    sent = [each.contribute("items", 1, reply_to(run)).sha256() for each in (member, other)]
    assert sent[0] == sent[1]
    ends = [Payload({**each.model_arrays(), **each.publications()}).sha256() for each in (member, other)]
    assert ends[0] == ends[1]


def test_only_offered_items_are_published() -> None:
    """Publications are the factors of the offered items, in the order of the offer, and nothing else."""
    run = make_run()
    items = run.items["acme"]
    offered = items.exclusive[2:0:-1]
    member = member_for(items, run.tables["acme"], offered)
    member.contribute("items", 0, None)
    published = member.publications()
    assert list(published) == ["vectors"]
    expected = member.model_arrays()["item_factors"][items.codes(offered)]
    assert published["vectors"].tobytes() == expected.tobytes()


def test_offered_items_without_support_are_zeros_and_are_counted() -> None:
    """An own item that too few users have, or nobody, is published as zeros, and the party is told."""
    run = make_run(min_support=3)
    own = run.items["acme"].codes(run.items["acme"].exclusive)
    users, items = [0, 1, 0, 1, 2, 3], [own[0], own[0], own[1], own[1], own[1], own[1]]
    member = make_member(run, table_of(run, users, items, [1.0] * 6))
    member.contribute("items", 0, None)
    assert member.publications()["vectors"].any(axis=1).tolist() == [False, True, False]
    assert member.figures()["below_support"] == 2


def test_a_party_of_fewer_people_than_an_item_needs_is_refused() -> None:
    """What it would send is of one or two people; with a minimum of 1, which tests may ask for, it goes."""
    table = Interactions.from_pairs(np.zeros(3, int), np.arange(3), shape=(1, 13))
    with pytest.raises(InputError, match="acme has 1 users where an item must have 2") as caught:
        make_member(make_run(), table)
    assert "fcf.min_support" in caught.value.hint
    assert make_member(make_run(min_support=1), table).contribute("items", 0, None)["gradient"].any()


def test_one_busy_user_leaves_no_trace() -> None:
    """Where a single user has items, the party gives what it would give had nobody any."""
    run = make_run()
    lone = table_of(run, [4] * 13, list(range(13)), [1.0] * 13)
    empty = table_of(run, [], [], [])
    sent = [make_member(run, table).contribute("items", 0, None) for table in (lone, empty)]
    assert sent[0].sha256() == sent[1].sha256()
    assert not any(array.any() for array in sent[0].values())


def test_values_can_be_confidences() -> None:
    """Values of 1 are the same as no values, and greater ones weigh more."""
    binary, valued = make_run("exact", alpha=0.5), make_run("exact", alpha=0.5, confidence="values")
    table = binary.tables["acme"]
    tripled = replace(table, values=table.values * 3)
    sent = [make_member(binary, table), make_member(valued, table), make_member(binary, tripled)]
    assert len({each.contribute("items", 0, None).sha256() for each in sent}) == 1
    heavier = make_member(valued, tripled).contribute("items", 0, None)
    threefold = make_member(make_run("exact", alpha=1.5), table).contribute("items", 0, None)
    assert heavier.sha256() == threefold.sha256()


@pytest.mark.parametrize("method", METHODS)
def test_values_count_up_to_the_largest_that_may(method: str) -> None:
    """Greater ones are clipped before anything is computed: what leaves is the same to a bit."""
    run = make_run(method, confidence="values", max_value=2.5)
    table = run.tables["acme"]
    values = 1 + np.arange(table.pairs, dtype=np.float32) % 4
    sent = [
        make_member(run, replace(table, values=each)).contribute("items", 0, None)
        for each in (values, np.minimum(values, 2.5), np.where(values > 2.5, 1e30, values))
    ]
    assert len({each.sha256() for each in sent}) == 1
    plain = make_member(run, table).contribute("items", 0, None)
    assert plain.sha256() != sent[0].sha256()


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({"confidence": "binary"}, 1.5),
        ({"confidence": "values"}, 6.0),
        ({"confidence": "values", "max_value": 4.0}, 3.0),
    ],
)
@pytest.mark.parametrize("value", [0.25, 1.0, 3.0, 50.0])
def test_the_factor_of_the_gram_is_the_runs(settings: dict[str, Any], factor: float, value: float) -> None:
    """It is 1 + alpha times the largest value that may be, whatever values there are."""
    run = make_run(alpha=0.5, **settings)
    table = run.tables["acme"]
    member = make_member(run, replace(table, values=table.values * np.float32(value)))
    gram = member.contribute("items", 0, None)["gram"]
    users = member.model_arrays()["user_factors"]
    np.testing.assert_allclose(gram[0], factor * (users.T @ users)[np.triu_indices(3)], rtol=1e-12)


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_a_value_that_is_no_confidence_is_named(value: float) -> None:
    """A negative or endless value names party and item, unless values are not asked for."""
    table = table_of(make_run(), [0, 1], [3, 4], [1.0, value])
    with pytest.raises(DataError, match=r"acme: a user has the value .* at item m001") as caught:
        make_member(make_run(confidence="values"), table)
    assert "fcf.confidence" in caught.value.hint
    make_member(make_run(), table)


@pytest.mark.parametrize("method", METHODS)
def test_more_factors_than_data_is_no_error(method: str) -> None:
    """A rank above the number of items and users is held by lambda: the run ends, and all is finite."""
    fcf = {"method": method, "rank": 40, "regularization": 1e-3, "rounds": 3, "min_support": 1}
    run = small_run(2, shared=4, own=1, users=3, each=2, protocol="fcf", fcf=fcf)
    members, losses = run.members(), []
    simulate(run.plan, run.rows, members, on_round=lambda each: losses.append(each.diagnostics["objective"]))
    assert np.isfinite(losses).all()
    assert all(np.isfinite(array).all() for m in members.values() for array in m.model_arrays().values())
