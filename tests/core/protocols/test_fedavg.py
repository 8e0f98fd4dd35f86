"""The coordinator's half of federated averaging: what it asks for, and which mean it takes of what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.errors import RunFailed
from feddmf.payload import NOTHING, Axis, DType, ReleaseKind
from feddmf.protocols.fedavg import START_STD, FedAvg, layer_numbers
from feddmf.protocols.registry import protocol_for
from feddmf.protocols.summed import Present
from feddmf.runfile import ModelSettings
from feddmf.starts import keyed_normal
from support.runs import SmallRun, catalogue_of, small_run

NAMES = ("acme", "bolt", "cargo")
OWNERS = {"a": ("acme", "bolt"), "b": NAMES}
ALL = Present(3, np.array([2, 3]))
MODEL = {"embedding_dim": 2, "hidden_dim": 3}


def make_run(**fedavg: Any) -> SmallRun:
    """Return a run of three parties: item a is sold by two, item b by all."""
    catalogue = catalogue_of(OWNERS, NAMES, own=2)
    training = {"epochs": 4}
    return small_run(
        3, catalogue=catalogue, each=2, protocol="fedavg", model=MODEL, training=training, fedavg=fedavg
    )


def step(run: SmallRun, phase: str = "average", *, present: Present = ALL, **totals: Any) -> Any:
    """Let the protocol step on totals of those who are there."""
    protocol = FedAvg()
    arrays = {name: np.array(total, dtype=np.float64) for name, total in totals.items()}
    return protocol.step(protocol.init(run.plan, run.rows), phase, 0, arrays, present)


def test_it_asks_for_matched_rows_layers_and_a_loss() -> None:
    """Kinds and axes are those that a party's policy can allow by name; the close asks for the loss alone."""
    run = make_run(syncs_per_epoch=2)
    average, close = protocol_for("fedavg").phases(run.plan)
    assert (average.name, average.rounds, close.name, close.rounds) == ("average", 8, "close", 1)
    assert [(spec.name, spec.kind, spec.axis, spec.columns) for spec in average.contribution.arrays] == [
        ("vectors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 2),
        ("layers", ReleaseKind.SHARED_LAYERS, Axis.ONE, 19),
        ("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1),
    ]
    assert [spec.name for spec in average.reply.arrays] == ["vectors", "layers"]
    assert [spec.name for spec in close.contribution.arrays] == ["loss"]
    assert close.reply == NOTHING
    everything = (*average.contribution.arrays, *average.reply.arrays, *close.contribution.arrays)
    assert {spec.dtype for spec in everything} == {DType.FLOAT32}
    (published,) = protocol_for("fedavg").publication(run.plan).arrays
    assert (published.kind, published.axis) == (ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS)


def test_layers_are_as_many_as_the_model_has() -> None:
    """Two halves of the first layer, its bias, the second layer and its bias: 6 + 6 + 3 + 3 + 1."""
    assert layer_numbers(ModelSettings(**MODEL)) == 19


def test_only_a_weighted_average_asks_for_weights() -> None:
    """They tell how much a party trains on, so they are of a kind that a policy can keep in."""
    (average, _) = protocol_for("fedavg").phases(make_run(weighting="samples").plan)
    assert [(spec.name, spec.kind, spec.axis, spec.dtype) for spec in average.contribution.arrays[3:]] == [
        ("weights", ReleaseKind.QUALITY_SCALAR, Axis.MATCHED_ITEMS, DType.FLOAT64),
        ("weight", ReleaseKind.QUALITY_SCALAR, Axis.ONE, DType.FLOAT64),
    ]


def test_a_uniform_mean_is_over_those_who_sell_the_item() -> None:
    """Item a has two owners, item b and the layers three."""
    done = step(make_run(), vectors=[[2, 4], [3, 9]], layers=[[3.0] * 19], loss=[[1.5]])
    assert done.rows["vectors"].tolist() == [[1, 2], [1, 3]]
    assert done.whole["layers"].tolist() == [[1.0] * 19]
    assert {done.rows["vectors"].dtype, done.whole["layers"].dtype} == {np.dtype("f4")}
    assert done.diagnostics == {"loss": 0.5}
    assert not done.done


def test_a_weighted_mean_is_over_the_weights() -> None:
    """Whatever the number of owners; the loss is a plain mean."""
    done = step(
        make_run(weighting="samples"),
        vectors=[[2, 4], [3, 9]],
        layers=[[3.0] * 19],
        loss=[[1.5]],
        weights=[[4], [0.5]],
        weight=[[6]],
    )
    assert done.rows["vectors"].tolist() == [[0.5, 1], [6, 18]]
    assert done.whole["layers"].tolist() == [[0.5] * 19]
    assert done.diagnostics == {"loss": 0.5}


@pytest.mark.parametrize(
    ("weighting", "weights"), [("uniform", {}), ("samples", {"weights": [[0], [0.5]], "weight": [[0.5]]})]
)
def test_a_mean_is_over_those_who_are_there(weighting: str, weights: Any) -> None:
    """One of three; nobody of those who sell item a, which keeps the vector that all began with."""
    run = make_run(weighting=weighting)
    parts = {"vectors": [[0, 0], [1.5, 4.5]], "layers": [[3.0] * 19], "loss": [[1.5]]}
    done = step(run, present=Present(1, np.array([0, 1])), **parts, **weights)
    share = 0.5 if weights else 1
    fresh = keyed_normal(("a", "b"), 2, START_STD, 0).astype(np.float32)
    assert done.rows["vectors"].tolist() == [fresh[0].tolist(), [1.5 / share, 4.5 / share]]
    assert done.whole["layers"].tolist() == [[3.0 / share] * 19]
    assert done.diagnostics == {"loss": 1.5}
    again = FedAvg().restore(run.plan, run.rows, FedAvg().snapshot(done.state))
    assert again.vectors.tolist() == done.rows["vectors"].tolist()


@pytest.mark.parametrize(("weights", "weight"), [([[1], [0]], [[1]]), ([[1], [1]], [[-1]])])
def test_weights_that_are_none_end_the_run(weights: list[list[float]], weight: list[list[float]]) -> None:
    """There is no mean over nothing."""
    totals = {"vectors": [[1, 1], [1, 1]], "layers": [[1.0] * 19], "loss": [[1]]}
    with pytest.raises(RunFailed, match="weights add up to nothing or less"):
        step(make_run(weighting="samples"), **totals, weights=weights, weight=weight)


def test_the_close_tells_the_loss_and_ends() -> None:
    """Nothing is averaged any more."""
    done = step(make_run(), "close", loss=[[0.75]])
    assert (done.rows, done.whole, done.diagnostics, done.done) == ({}, {}, {"loss": 0.25}, True)
