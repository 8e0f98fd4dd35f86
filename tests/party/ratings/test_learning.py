"""Fitting by Adam: what is shared, what repeats, what is refused."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from feddmf.errors import RunFailed
from feddmf_party.ratings.learning import Dropout, Fitting, Learner, Net, as_is, linear_start, table_start

FITTING = Fitting(epochs=3, batch_size=4, learning_rate=0.1, weight_decay=0.0, dropout=0.5)
TARGET = torch.arange(10, dtype=torch.float32)


class Line(Net):
    """A slope that is shared and an offset that is not."""

    private: ClassVar[frozenset[str]] = frozenset({"offset"})

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(1))
        self.offset = nn.Parameter(torch.zeros(1))


def learner(net: Line, samples: int = 10, place: str = "here", scale: float = 1.0) -> Learner:
    """Return a learner of y = x with the loss scaled."""

    def loss(batch: Tensor, drop: Dropout, _: torch.Generator) -> Tensor:
        predicted = drop(TARGET[batch]) * net.slope + net.offset
        return scale * torch.nn.functional.mse_loss(predicted, TARGET[batch])

    return Learner(net, samples, loss, FITTING, seed=1, place=place)


def test_private_parameters_stay() -> None:
    """An update takes the shared parameters, returns them alone, and keeps what is private."""
    net = Line()
    assert list(net.shared()) == ["slope"]
    reply = learner(net).update({"slope": np.array([2.0], dtype=np.float32)})
    assert list(reply) == ["slope"]
    assert reply["slope"][0] == net.slope.item() != 2.0
    assert net.offset.item() != 0
    before = net.offset.item()
    net.take({"slope": np.array([7.0], dtype=np.float32)})
    assert (net.slope.item(), net.offset.item()) == (7.0, before)


def test_shared_arrays_are_copies() -> None:
    """What was sent does not change while training goes on."""
    net = Line()
    sent = net.shared()
    learner(net).train()
    assert sent["slope"].tolist() == [0]


def test_the_same_place_repeats_and_rounds_differ() -> None:
    """Order and dropout are those of seed, place and round."""
    one, two, other = Line(), Line(), Line()
    first = learner(one)
    first.train()
    learner(two).train()
    learner(other, place="there").train()
    assert one.slope.item() == two.slope.item() != other.slope.item()
    # A second round is not the first one over again.
    again = learner(two)
    two.take({"slope": np.zeros(1, dtype=np.float32)})
    one.take({"slope": np.zeros(1, dtype=np.float32)})
    with torch.no_grad():
        one.offset.zero_()
        two.offset.zero_()
    first.train()
    again.train()
    assert one.slope.item() != two.slope.item()


def test_a_place_without_samples_changes_nothing() -> None:
    """A client with nothing to train on sends back what it was sent."""
    reply = learner(Line(), samples=0).update({"slope": np.array([3.0], dtype=np.float32)})
    assert reply["slope"].tolist() == [3.0]


def test_divergence_is_an_error_with_a_hint() -> None:
    """A loss that is not finite ends the fit."""
    with pytest.raises(RunFailed, match="training diverged: the loss is nan after epoch 1") as caught:
        learner(Line(), scale=float("inf")).train()
    assert caught.value.hint == "lower the learning rate"


def test_starts_have_their_spread() -> None:
    """Vectors have the spread asked for, layers that of their inputs; addresses tell them apart."""
    table = table_start((200, 50), 0.1, 0, "user")
    assert table.std().item() == pytest.approx(0.1, rel=0.05)
    assert linear_start((100, 80), 0, "layer").std().item() == pytest.approx((2 / 80) ** 0.5, rel=0.05)
    half = linear_start((100, 80), 0, "layer", fan_in=320)
    assert half.std().item() == pytest.approx((2 / 320) ** 0.5, rel=0.05)
    assert not torch.equal(table, table_start((200, 50), 0.1, 0, "film"))
    assert torch.equal(as_is(table), table)
