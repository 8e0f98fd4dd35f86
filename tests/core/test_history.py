"""The history tower: its equation, and the closed-form gradient of its loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feddmf.history import HistoryModel, cell_loss
from feddmf.history_training import user_states
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.model import normal


def table(rows: list[list[int]], items: int) -> Interactions:
    """Return the interactions of users with these items."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return Interactions.from_pairs(users, np.concatenate([*rows, []]).astype(int), shape=(len(rows), items))


def test_a_user_vector_is_made_from_the_users_items() -> None:
    """tanh(1.5 * sum of contexts / sqrt(n + 5) + c), with n the number of the user's items."""
    data = table([[0, 1], []], 2)
    model = HistoryModel(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1), data)
    with torch.no_grad():
        model.constant[:] = 0.5
    vectors, shifts = user_states(model, data)
    assert vectors[0, 0] == np.float32(math.tanh(1.5 * 4 / math.sqrt(7) + 0.5))
    assert vectors[1, 0] == np.float32(math.tanh(0.5))
    np.testing.assert_allclose(shifts, [math.log(3) - 4.5, -4.5], rtol=1e-6)


def test_users_are_computed_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few pairs, or of a user with more than those, give the bits of all users at once."""
    data = table([[0, 1], [], [2], [0, 1, 2, 3], [], [3, 1]], 4)
    model = HistoryModel(normal((4, 2), 1.0, 1, "contexts"), torch.zeros(4, 2), data)
    whole = user_states(model, data)
    monkeypatch.setattr("feddmf.history_training._PAIRS", 3)
    for one, other in zip(whole, user_states(model, data), strict=True):
        np.testing.assert_array_equal(one, other)


def test_biases_start_at_the_shares_of_users() -> None:
    """An item that one of two users has starts at the logit of its share with the prior in it."""
    model = HistoryModel(torch.zeros(2, 1), torch.zeros(2, 1), table([[0], []], 2))
    np.testing.assert_allclose(torch.sigmoid(model.bias).tolist(), [1.3 / 12, 0.3 / 12], rtol=1e-6)


@given(seed=st.integers(0, 50))
def test_vectors_without_torch_are_the_same(seed: int) -> None:
    """Queries compute user vectors in numpy; they are those of the trained model."""
    random = np.random.default_rng(seed)
    data = table([random.choice(6, size, replace=False).tolist() for size in (0, 1, 6, 3)], 6)
    model = HistoryModel(normal((6, 3), 1.0, seed, "contexts"), torch.zeros(6, 3), data)
    with torch.no_grad():
        model.constant[:] = normal((3,), 1.0, seed, "constant")
    contexts, constant = (model.arrays()[name].numpy() for name in ("contexts", "constant"))
    found = history_vectors(data, np.arange(6), contexts, constant)
    np.testing.assert_allclose(found, user_states(model, data)[0], atol=1e-6)


@given(seed=st.integers(0, 50))
def test_the_closed_form_gradient_is_autograds(seed: int) -> None:
    """The loss and its gradient in users, vectors, bias and shifts are those of torch's cross-entropy."""
    inputs = [
        normal(shape, 1.0, seed, name).double().requires_grad_()
        for name, shape in {"users": (3, 2), "vectors": (4, 2), "bias": (4,), "shifts": (3,)}.items()
    ]
    seen = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    labels = (normal((3, 4), 1.0, seed, "labels") > 0).double() * seen
    at = torch.nonzero(labels.view(-1))[:, 0]
    users, vectors, bias, shifts = inputs
    loss = cell_loss(users, vectors, bias, shifts, seen=seen, at=at)
    logits = users @ vectors.T + bias + shifts[:, None]
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    expected = (plain * seen).sum()
    torch.testing.assert_close(loss, expected)
    ours = torch.autograd.grad(3 * loss, inputs)
    theirs = torch.autograd.grad(3 * expected, inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
