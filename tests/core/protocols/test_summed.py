"""Protocols of sums: contributions add up item by item, in the open and under masks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.masks import to_fixed
from feddmf.payload import ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Capabilities, Dropout, Phase
from feddmf.protocols.summed import KEYS, Present, Step, Summed, Totals, add_up, masked
from support.runs import catalogue_of, small_run

NAMES = ("acme", "bolt", "cargo")
OWNERS = {"a": ("acme", "bolt"), "b": NAMES, "c": ("bolt", "cargo"), "d": ("acme", "cargo")}
SCHEMA = PayloadSchema(
    (
        ArraySpec("rows", ReleaseKind.ITEM_GRADIENT, Axis.MATCHED_ITEMS, 2),
        ArraySpec("gram", ReleaseKind.GRAM, Axis.ONE, 3, DType.FLOAT64, max_row_norm=9.0),
    )
)
REPLY = PayloadSchema(
    (
        ArraySpec("rows", ReleaseKind.ITEM_GRADIENT, Axis.MATCHED_ITEMS, 2, DType.FLOAT64),
        ArraySpec("whole", ReleaseKind.GRAM, Axis.ONE, 3, DType.FLOAT64),
    )
)


class Echo:
    """A sum protocol that tells the totals, and keeps them as its state."""

    capabilities = Capabilities(name="echo")

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return one phase of two rounds."""
        del plan
        return (Phase("add", 2, SCHEMA, REPLY),)

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return anything."""
        del plan
        return SCHEMA

    def init(self, plan: Plan, rows: MatchedRows) -> tuple[Totals, ...]:
        """Return no totals yet."""
        del plan, rows
        return ()

    def step(self, state: Any, phase: str, number: int, totals: Totals, present: Present) -> Step:
        """Tell the totals; the second round is the last."""
        told = {"rows": totals["rows"]}, {"whole": totals["gram"]}
        of = {"at": (phase, number), "parties": present.parties, "owners": present.owners.tolist()}
        return Step((*state, totals), *told, of, done=number == 1)


def make_run(*, masks: bool) -> tuple[Plan, MatchedRows]:
    """Return a run of three parties whose items are sold by any two or three of them."""
    run = small_run(3, catalogue=catalogue_of(OWNERS, NAMES, own=1), each=2, protocol="fcf", masks=masks)
    return run.plan, run.rows


def contributions(dtype: DType = DType.FLOAT64) -> dict[str, Payload]:
    """Return one round of contributions: rows 1, 10 and 100 a party, the gram 1, 2 and 3."""
    made = {}
    for factor, (party, items) in enumerate({"acme": 3, "bolt": 3, "cargo": 3}.items()):
        rows = np.arange(2 * items, dtype=np.float32).reshape(items, 2) * 10.0**factor
        gram = np.full((1, 3), factor + 1.0)
        made[party] = {"rows": rows.astype(np.float32), "gram": gram}
    if dtype is DType.UINT64:
        made = {party: {name: to_fixed(a, 3) for name, a in each.items()} for party, each in made.items()}
    return {party: Payload(each) for party, each in made.items()}


# acme sells a, b, d; bolt a, b, c; cargo b, c, d.
TOTAL_ROWS = [[0 + 0, 1 + 10], [2 + 20 + 0, 3 + 30 + 100], [40 + 200, 50 + 300], [4 + 400, 5 + 500]]


@pytest.mark.parametrize("dtype", [DType.FLOAT64, DType.UINT64])
def test_contributions_add_up_item_by_item(dtype: DType) -> None:
    """Rows over items go where their item is, single rows on one another; words are fixed point."""
    _, rows = make_run(masks=False)
    schema = masked(SCHEMA) if dtype is DType.UINT64 else SCHEMA
    totals = add_up(rows, schema, contributions(dtype))
    assert totals["rows"].tolist() == TOTAL_ROWS
    assert totals["gram"].tolist() == [[6, 6, 6]]
    assert {each.dtype for each in totals.values()} == {np.dtype("f8")}


def test_totals_are_kept_in_float64() -> None:
    """Small contributions in float32 do not drown in a large one."""
    _, rows = make_run(masks=False)
    schema = PayloadSchema((ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1),))
    values = {"acme": 2.0**24, "bolt": 1.0, "cargo": 1.0}
    given = {party: Payload({"loss": np.array([[v]], np.float32)}) for party, v in values.items()}
    assert add_up(rows, schema, given)["loss"].tolist() == [[2.0**24 + 2]]


def test_in_the_open_the_phases_are_the_inner_ones() -> None:
    """Without masks nothing is put before or around the protocol."""
    plan, _ = make_run(masks=False)
    assert Summed(Echo()).phases(plan) == Echo().phases(plan)
    assert Summed(Echo()).publication(plan) == SCHEMA
    assert Summed(Echo()).capabilities.name == "echo"


def test_with_masks_keys_come_first_and_every_array_is_a_masked_sum() -> None:
    """Names, axes and columns stay; kind and type are those of masks; replies and publications stay open."""
    plan, _ = make_run(masks=True)
    keys, add = Summed(Echo()).phases(plan)
    assert (keys.name, keys.rounds, add.rounds, add.reply) == (KEYS, 1, 2, REPLY)
    (up,), (down,) = keys.contribution.arrays, keys.reply.arrays
    assert (up.kind, up.axis, up.columns) == (ReleaseKind.PUBLIC_KEY, Axis.ONE, 4)
    assert (down.kind, down.axis, down.columns) == (ReleaseKind.PUBLIC_KEY, Axis.ONE, 12)
    hidden = [(each.name, each.kind, each.dtype, each.axis, each.columns) for each in add.contribution.arrays]
    assert hidden == [
        ("rows", ReleaseKind.MASKED_SUM, DType.UINT64, Axis.MATCHED_ITEMS, 2),
        ("gram", ReleaseKind.MASKED_SUM, DType.UINT64, Axis.ONE, 3),
    ]
    assert Summed(Echo()).publication(plan) == SCHEMA


def test_keys_are_handed_to_all_in_the_order_of_the_roster() -> None:
    """Everybody is told the same keys, and nothing is counted as a round of the inner protocol."""
    plan, rows = make_run(masks=True)
    protocol = Summed(Echo())
    given = {
        party: Payload({"public_key": np.full((1, 4), n, np.uint64)}) for n, party in enumerate(plan.roster)
    }
    state = protocol.init(plan, rows)
    outcome = protocol.combine(state, KEYS, 0, given)
    for party in plan.roster:
        assert outcome.reply(party)["public_keys"].tolist() == [[0] * 4 + [1] * 4 + [2] * 4]
        protocol.phases(plan)[0].reply.check(outcome.reply(party), rows.sizes(party))
    assert (outcome.state.inner, outcome.done) == ((), False)


@pytest.mark.parametrize("masks", [False, True])
def test_each_party_is_told_of_its_own_items(masks: bool) -> None:
    """Rows of a step go to those who sell them; what is whole goes to all; the inner state goes on."""
    plan, rows = make_run(masks=masks)
    protocol = Summed(Echo())
    given = contributions(DType.UINT64 if masks else DType.FLOAT64)
    first = protocol.combine(protocol.init(plan, rows), "add", 0, given)
    last = protocol.combine(first.state, "add", 1, given)
    assert (first.done, last.done) == (False, True)
    assert last.diagnostics == {"at": ("add", 1), "parties": 3, "owners": [2, 3, 2, 2]}
    assert len(last.state.inner) == 2
    a, b, c, d = TOTAL_ROWS
    for party, expected in {"acme": [a, b, d], "bolt": [a, b, c], "cargo": [b, c, d]}.items():
        assert first.reply(party)["rows"].tolist() == expected
        assert first.reply(party)["whole"].tolist() == [[6, 6, 6]]
        REPLY.check(first.reply(party), rows.sizes(party))


def test_a_lost_party_ends_the_run() -> None:
    """The others' masks with it would never cancel."""
    plan, rows = make_run(masks=True)
    protocol = Summed(Echo())
    assert protocol.on_dropout(protocol.init(plan, rows), "bolt") is Dropout.ABORT
