"""Transfer at the party: its users are scored by what a peer's users do, and nothing else is believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.registry import member_for
from feddmf.members.transfer import TransferMember
from feddmf.payload import Payload
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.ridge import choose_ridge
from feddmf.scoring import scorer_for
from feddmf.simulation import simulate
from support.runs import SmallRun, run_settings, small_run

SETTINGS: dict[str, Any] = {"protocol": "transfer", "transfer": {"rank": 4, "ridge": 2.0}}


def dense(run: SmallRun, party: str) -> np.ndarray:
    """Return a party's table, [users, items]."""
    table = run.tables[party]
    cells = np.zeros((table.users, table.items))
    cells[table.rows(), table.indices] = 1
    return cells


@pytest.fixture(scope="module")
def run() -> SmallRun:
    """Return a run of two parties."""
    return small_run(2, shared=10, own=3, users=30, each=5, **SETTINGS)


def test_scores_are_those_of_the_peers_ridge(run: SmallRun) -> None:
    """Three offered items have rank 3: acme's scores are its matched items times bolt's full coefficients."""
    members = run.members()
    simulate(run.plan, run.rows, members)
    items, cells = run.items["bolt"], dense(run, "bolt")
    x, e = cells[:, items.matched_codes], cells[:, items.codes(items.exclusive)]
    coefficients = np.linalg.solve(x.T @ x + 2.0 * np.eye(10), x.T @ e)
    expected = dense(run, "acme")[:, run.items["acme"].matched_codes] @ coefficients
    found = members["acme"].model_arrays()["users.bolt"] @ members["bolt"].publications()["vectors"].T
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert members["bolt"].figures()["rank"] == 3
    assert members["bolt"].figures()["loss"] == pytest.approx(np.square(e - x @ coefficients).mean())


def test_a_party_that_offers_nothing_takes_part(run: SmallRun) -> None:
    """It gives zeros, and can still ask what its peer offers."""
    members: dict[str, Member] = {
        "acme": TransferMember(run.items["acme"], run.tables["acme"], []),
        "bolt": run.member("bolt"),
    }
    told: list[Any] = []
    simulate(run.plan, run.rows, members, on_round=lambda record: told.append(record.diagnostics))
    assert not members["acme"].contribute("contexts", 0, None)["contexts"].any()
    assert members["acme"].publications()["vectors"].shape == (0, 4)
    assert members["acme"].figures() == {"loss": 0.0, "ridge": 2.0, "rank": 0, "below_support": 0}
    assert members["acme"].model_arrays()["users.bolt"].any()
    assert not members["bolt"].model_arrays()["users.acme"].any()
    assert told[1]["parties"]["acme"] == {"loss": 0.0}
    assert told[1]["loss"] == told[1]["parties"]["bolt"]["loss"] > 0


def test_each_party_chooses_its_ridge_at_home() -> None:
    """By default: its figures say which, and its peers' tables play no part in it."""
    run = small_run(2, shared=10, own=3, users=30, each=5, protocol="transfer", transfer={"rank": 4})
    members = run.members()
    simulate(run.plan, run.rows, members)
    items = run.items["bolt"]
    chosen = choose_ridge(run.tables["bolt"], items.matched_codes, items.codes(items.exclusive))
    assert members["bolt"].figures()["ridge"] == chosen
    assert members["acme"].figures()["ridge"] != chosen


def test_values_do_not_count(run: SmallRun) -> None:
    """A user who bought an item ten times has it."""
    table = run.tables["acme"]
    often = Interactions(table.indptr, table.indices, table.values * 10, table.items)
    items = run.items["acme"]
    once = TransferMember(items, table, items.exclusive).contribute("contexts", 0, None)
    again = TransferMember(items, often, items.exclusive).contribute("contexts", 0, None)
    assert once.sha256() == again.sha256()


def without(data: Interactions, lost: np.ndarray) -> Interactions:
    """Return `data` without the pairs of some items, bool [items]."""
    kept = ~lost[data.indices]
    return Interactions.from_pairs(
        data.rows()[kept], data.indices[kept], data.values[kept], shape=(data.users, data.items)
    )


@pytest.mark.parametrize("users", [50, 12])
def test_items_of_few_users_leave_no_trace(users: int) -> None:
    """Without the pairs of items below the support not one bit of what leaves is another.

    With more users than items and with fewer.
    """
    transfer = {"rank": 4, "ridge": 2.0, "min_support": users // 4}
    run = small_run(2, shared=24, own=8, users=users, each=7, protocol="transfer", transfer=transfer)
    items, data = run.items["acme"], run.tables["acme"]
    counts, matched, own = data.item_counts(), items.matched_codes, items.codes(items.exclusive)
    few = counts < users // 4
    for codes in (matched, own):
        assert (few & (counts > 0))[codes].any()
        assert not few[codes].all()
    assert ((~few)[matched].sum() > users) == (users == 12)

    def ends(table: Interactions) -> tuple[list[Payload], dict[str, float]]:
        member = TransferMember(items, table, items.exclusive)
        sent = [member.contribute(phase, 0, None) for phase in ("contexts", "close")]
        return [*sent, member.publications()], dict(member.figures())

    sent, figures = ends(data)
    again, figures_again = ends(without(data, few))
    assert [payload.sha256() for payload in sent] == [payload.sha256() for payload in again]
    assert figures == figures_again
    assert figures["below_support"] == few[own].sum()
    contexts, _, published = sent
    assert (contexts["contexts"].any(axis=1) == ~few[matched]).all()
    assert (published["vectors"].any(axis=1) == ~few[own]).all()
    # An item less that has enough users is seen.
    other, _ = ends(without(data, np.arange(data.items) == matched[~few[matched]][0]))
    assert other[0].sha256() != sent[0].sha256()


def test_own_users_are_scored_by_items_that_few_of_them_have(run: SmallRun) -> None:
    """What peers say of an item counts for the one user who has it: sums over users stay at home."""
    items = run.items["acme"]
    code = items.matched_codes[4]
    data = Interactions.from_pairs(np.array([7]), np.array([code]), shape=(30, len(items.view.keys)))
    member = TransferMember(items, data, items.exclusive)
    assert not member.contribute("contexts", 0, None)["contexts"].any()
    member.contribute("close", 0, Payload({"contexts": np.full((10, 4), 0.5, np.float32)}))
    (sums,) = member.model_arrays().values()
    assert sums.any(axis=1).nonzero()[0].tolist() == [7]


def test_a_party_of_fewer_people_than_an_item_needs_is_refused(run: SmallRun) -> None:
    """Its map would be of one or two people."""
    data = Interactions.from_pairs(np.zeros(3, int), np.arange(3), shape=(2, 13))
    with pytest.raises(InputError, match="acme has 2 users where an item must have 3") as caught:
        TransferMember(run.items["acme"], data, run.items["acme"].exclusive)
    assert "transfer.min_support" in caught.value.hint


# bolt shares `a` with acme and `c` with cargo; acme and cargo share nothing.
KEYS = {"a": "acme bolt", "c": "bolt cargo", "x": "acme", "z": "cargo", "y": "bolt"}
PARTIES = ("acme", "bolt", "cargo")


def chained() -> SmallRun:
    """Return a run of three parties of which two share nothing; every user has every item."""
    columns = {p: {key: key for key, owners in KEYS.items() if p in owners} for p in PARTIES}
    catalogue = Catalogue(version=1, labels=dict.fromkeys(KEYS, ""), columns=columns)
    settings = run_settings(
        PARTIES, protocol="transfer", transfer={"rank": 4, "ridge": 2.0, "min_support": 1}
    )
    plan = Plan(run="r-1", catalogue=catalogue.digest(), settings=settings)
    items = {party: PartyItems(plan, catalogue.view(party)) for party in PARTIES}
    tables = {}
    for number, party in enumerate(PARTIES, 1):
        width = len(columns[party])
        users, bought = np.divmod(np.arange(number * width), width)
        tables[party] = Interactions.from_pairs(users, bought, shape=(number, width))
    return SmallRun(catalogue, plan, matched_rows(catalogue, plan), items, tables)


def test_a_peer_with_which_nothing_is_shared_says_nothing() -> None:
    """Its vectors reach nobody's users; with a support of 1 one user is enough to take part."""
    run = chained()
    members = run.members()
    simulate(run.plan, run.rows, members)
    assert set(members["acme"].model_arrays()) == {"users.bolt"}
    assert set(members["bolt"].model_arrays()) == {"users.acme", "users.cargo"}
    scorer = scorer_for("transfer", members["acme"].model_arrays())
    assert scorer.vector_length("bolt") == 4
    assert scorer.vector_length("cargo") is None
    # acme has one user, who has `a`: 1 / (1 + 2) of what acme's own x is to others.
    found = members["bolt"].model_arrays()["users.acme"] @ members["acme"].publications()["vectors"].T
    np.testing.assert_allclose(found, [[1 / 3]] * 2, rtol=1e-6)


def test_rows_that_a_peer_does_not_sell_are_not_believed() -> None:
    """Whatever a coordinator puts there, no user's score moves."""
    run = chained()
    member = run.member("bolt")
    member.contribute("contexts", 0, None)
    reply = np.zeros((2, 8), np.float32)
    reply[0, :4], reply[1, 4:] = 1, 2
    lies = reply.copy()
    lies[1, :4], lies[0, 4:] = 99, 99
    ends = []
    for contexts in (reply, lies):
        member.contribute("close", 0, Payload({"contexts": contexts}))
        ends.append({name: array.tolist() for name, array in member.model_arrays().items()})
    assert ends[0] == ends[1] == {"users.acme": [[1] * 4] * 2, "users.cargo": [[2] * 4] * 2}


def test_a_snapshot_goes_on_bit_for_bit(run: SmallRun) -> None:
    """Before the fit, after it, and after the peers' vectors have come."""
    items = run.items["acme"]
    reply = Payload({"contexts": np.arange(40, dtype=np.float32).reshape(10, 4)})
    sent = None
    for steps in range(3):
        member = run.member("acme")
        if steps > 0:
            sent = member.contribute("contexts", 0, None)
        if steps > 1:
            member.contribute("close", 0, reply)
        again = member_for(items, run.tables["acme"], items.exclusive)
        again.restore({name: array.copy() for name, array in member.snapshot().items()})
        if steps == 0:
            assert (
                again.contribute("contexts", 0, None).sha256()
                == member.contribute("contexts", 0, None).sha256()
            )
        if steps < 2:
            assert (
                again.contribute("close", 0, reply).sha256() == member.contribute("close", 0, reply).sha256()
            )
        assert again.publications().sha256() == member.publications().sha256()
        assert Payload(again.model_arrays()).sha256() == Payload(member.model_arrays()).sha256()
        assert again.figures() == member.figures()
    assert sent is not None
    protocol_for("transfer").phases(run.plan)[0].contribution.check(sent, items.sizes(3))
