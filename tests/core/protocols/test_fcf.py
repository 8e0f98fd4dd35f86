"""The coordinator's half of federated collaborative filtering: what it asks for, and its three item steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from feddmf.errors import RunFailed
from feddmf.payload import NOTHING, Axis, DType, PayloadSchema, ReleaseKind
from feddmf.protocols.base import Dropout
from feddmf.protocols.fcf import FCF, LOSS_UNIT, FCFState
from feddmf.protocols.registry import exchanges, protocol_for
from feddmf.protocols.summed import Present
from feddmf.starts import keyed_normal
from support.runs import SmallRun, run_settings, small_run

NO_LOSS = np.zeros((1, 1))


def make_run(method: str = "mm", **settings: Any) -> SmallRun:
    """Return a run of two parties with three matched items and factors of length 2."""
    fcf = {"method": method, "rank": 2, "regularization": 0.5, "rounds": 4, **settings}
    return small_run(2, shared=3, own=1, each=2, protocol="fcf", fcf=fcf)


def start(run: SmallRun, factors: list[list[float]]) -> FCFState:
    """Return the state in which the items have these factors."""
    empty, taken = np.zeros((len(factors), 2)), np.zeros(len(factors), np.int64)
    return FCFState(run.plan, np.array(factors, dtype=np.float64), empty, empty, taken)


def present(*owners: int) -> Present:
    """Return that two parties are there, of whom so many sell each item."""
    return Present(2, np.array(owners))


BOTH = present(2, 2, 2)


def kinds(schema: PayloadSchema) -> list[tuple[str, ReleaseKind, Axis, int]]:
    """Return what people read of a schema; all of it is float64."""
    assert {spec.dtype for spec in schema.arrays} <= {DType.FLOAT64}
    return [(spec.name, spec.kind, spec.axis, spec.columns) for spec in schema.arrays]


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("adam", [("gradient", ReleaseKind.ITEM_GRADIENT, Axis.MATCHED_ITEMS, 2)]),
        (
            "mm",
            [
                ("gradient", ReleaseKind.ITEM_GRADIENT, Axis.MATCHED_ITEMS, 2),
                ("gram", ReleaseKind.GRAM, Axis.ONE, 3),
            ],
        ),
        ("exact", [("statistics", ReleaseKind.SUFFICIENT_STATISTICS, Axis.MATCHED_ITEMS, 5)]),
    ],
)
def test_each_method_asks_for_its_sums_and_a_loss(method: str, asked: list[Any]) -> None:
    """Phases, kinds and axes are those that a party's policy can allow by name."""
    run = make_run(method)
    items, close = FCF().phases(run.plan)
    loss = ("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)
    assert (items.name, items.rounds, close.name, close.rounds) == ("items", 4, "close", 1)
    assert kinds(items.contribution) == [*asked, loss]
    assert kinds(items.reply) == [("factors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 2)]
    assert (kinds(close.contribution), close.reply) == ([loss], NOTHING)
    published = FCF().publication(run.plan)
    assert kinds(published) == [("vectors", ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS, 2)]


def test_the_registry_knows_it() -> None:
    """By its name the run has the rounds that were asked for and a close; a lost party ends it."""
    run = make_run()
    protocol = protocol_for("fcf")
    assert protocol.capabilities.name == "fcf"
    assert exchanges(run.plan) == 5
    assert protocol.on_dropout(protocol.init(run.plan, run.rows), "acme") is Dropout.ABORT


def test_items_start_where_the_parties_draw_them() -> None:
    """The factors at the start are those of each key, from the run's seed."""
    run = make_run()
    state = FCF().init(run.plan, run.rows)
    assert state.factors.tobytes() == keyed_normal(("m000", "m001", "m002"), 2, 0.01, 0).tobytes()


def test_the_objective_counts_lambda_once() -> None:
    """J is the parties' losses and lambda times the squared factors, each item counted once."""
    run = make_run()
    state = start(run, [[1, 2], [0, 0], [3, 0]])
    totals = {
        "loss": np.array([[8 / LOSS_UNIT]]),
        "gradient": np.zeros((3, 2)),
        "gram": np.zeros((1, 3)),
    }
    diagnostics = {"objective": 8 + 0.5 * 14, "method": "mm"}
    assert FCF().step(state, "items", 0, totals, BOTH).diagnostics == diagnostics
    close = FCF().step(state, "close", 0, {"loss": totals["loss"]}, BOTH)
    assert close.diagnostics == diagnostics
    assert (close.rows, close.whole, close.done) == ({}, {}, True)


def test_a_majorised_step_by_hand() -> None:
    """y - (M + lambda)^-1 (g / 2 + lambda y) with M = diag(1.5, 3.5) and lambda = 0.5."""
    run = make_run()
    totals = {
        "loss": NO_LOSS,
        "gradient": np.array([[2.0, 0.0], [0.0, 8.0], [-1.0, 1.0]]),
        "gram": np.array([[1.5, 0.0, 3.5]]),
    }
    step = FCF().step(start(run, [[1, 0], [0, 2], [1, 1]]), "items", 0, totals, BOTH)
    expected = [[1 - 1.5 / 2, 0], [0, 2 - 5 / 4], [1 - 0 / 2, 1 - 1 / 4]]
    np.testing.assert_allclose(step.rows["factors"], expected, rtol=1e-15)
    assert not step.done
    assert step.state.factors is step.rows["factors"]


def test_an_exact_step_by_hand() -> None:
    """(A + lambda)^-1 b, whatever the factors were; an item that nobody observed gets zeros."""
    run = make_run("exact")
    statistics = np.array([[1.5, 1.0, 1.5, 1.0, 2.0], [0.5, 0.0, 1.5, 3.0, 3.0], [1.0, 0.0, 1.0, 0.0, 0.0]])
    totals = {"loss": NO_LOSS, "statistics": statistics}
    step = FCF().step(start(run, [[7, 7]] * 3), "items", 0, totals, BOTH)
    # (2, 1; 1, 2) (0, 1) = (1, 2); diag(1, 2) (3, 1.5) = (3, 3).
    np.testing.assert_allclose(step.rows["factors"], [[0, 1], [3, 1.5], [0, 0]], atol=1e-15)


def test_adam_steps_by_its_learning_rate() -> None:
    """The first step goes against the sign of g + 2 lambda y; turned round, the slope is still remembered."""
    run = make_run("adam", learning_rate=0.25)
    totals = {"loss": NO_LOSS, "gradient": np.array([[4.0, -2.0], [0.0, 0.0], [-1.0, 3.0]])}
    first = FCF().step(start(run, [[0, 0], [1, -1], [1, 0]]), "items", 0, totals, BOTH)
    np.testing.assert_allclose(
        first.rows["factors"], [[-0.25, 0.25], [0.75, -0.75], [1, -0.25]], rtol=1e-6, atol=1e-6
    )
    # The slope of item 0 turns from 4 to -4: mean (.9 * .4 - .4) / .19 and spread 4.
    state = FCFState(run.plan, np.zeros((3, 2)), first.state.first, first.state.second, first.state.taken)
    back = FCF().step(state, "items", 1, totals | {"gradient": -totals["gradient"]}, BOTH)
    assert back.rows["factors"][0, 0] == pytest.approx(0.25 * 0.04 / 0.19 / 4, rel=1e-6)


@pytest.mark.parametrize(
    ("method", "sums"),
    [("mm", {"gram": np.array([[1.5, 0.0, 3.5]])}), ("adam", {}), ("exact", {})],
)
def test_an_item_whose_sellers_are_all_absent_stays_as_it_is(method: str, sums: Any) -> None:
    """Its sums are zero, which is no reason to shrink it; the others step as if it were not there."""
    run = make_run(method)
    slopes = np.array([[2.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    statistics = np.array([[1.5, 1.0, 1.5, 1.0, 2.0], [0.0] * 5, [1.0, 0.0, 1.0, 0.0, 0.0]])
    totals = {"loss": NO_LOSS, "gradient": slopes, "statistics": statistics, **sums}
    before = start(run, [[1, 0], [0, 2], [1, 1]])
    some = FCF().step(before, "items", 0, totals, present(1, 0, 2))
    everybody = FCF().step(before, "items", 0, totals, BOTH)
    assert some.rows["factors"][1].tolist() == [0, 2] != everybody.rows["factors"][1].tolist()
    for row in (0, 2):
        assert some.rows["factors"][row].tobytes() == everybody.rows["factors"][row].tobytes()
    # Lambda counts for the items of those who are there.
    assert (some.diagnostics["objective"], everybody.diagnostics["objective"]) == (0.5 * 3, 0.5 * 7)


def test_adam_corrects_each_item_by_its_own_steps() -> None:
    """One whose sellers come in the second round takes its first step as if there had been none before."""
    run = make_run("adam", learning_rate=0.25)
    totals = {"loss": NO_LOSS, "gradient": np.array([[0.0, 0.0], [4.0, -2.0], [0.0, 0.0]])}
    state = start(run, [[0, 0], [0, 0], [0, 0]])
    first = FCF().step(state, "items", 0, totals, BOTH)
    late = FCF().step(state, "items", 0, totals, present(1, 0, 1)).state
    second = FCF().step(late, "items", 1, totals, BOTH)
    assert second.rows["factors"][1].tobytes() == first.rows["factors"][1].tobytes()
    assert second.state.taken.tolist() == [2, 1, 2]
    snapshot = FCF().snapshot(second.state)
    assert FCF().restore(run.plan, run.rows, snapshot).taken.tolist() == [2, 1, 2]


def test_a_step_without_a_single_solution_ends_the_run() -> None:
    """Sums that no users make, so that the matrix is singular, are an error and not a crash."""
    run = make_run()
    totals = {"loss": NO_LOSS, "gradient": np.ones((3, 2)), "gram": np.array([[-0.5, 0.0, -0.5]])}
    with pytest.raises(RunFailed, match="no single solution"):
        FCF().step(start(run, [[0, 0]] * 3), "items", 0, totals, BOTH)


@pytest.mark.parametrize("value", [0, -1, 1e9, float("nan"), float("inf")])
@pytest.mark.parametrize("key", ["alpha", "regularization"])
def test_alpha_and_lambda_have_a_range(key: str, value: float) -> None:
    """A run file with a weight that is no weight does not get as far as a run."""
    with pytest.raises(ValidationError, match=key):
        run_settings(("acme", "bolt"), protocol="fcf", fcf={key: value})
