"""Sums over histories, their gradients, and Adam, in compiled code."""

from __future__ import annotations

import numpy as np
import torch

from feddmf.kernels.history_tables import by_item, step_adam, sum_gradients, sum_rows

# User 0 has items 2 and 0, user 1 none, user 2 item 2.
ITEMS, STARTS = np.array([2, 0, 2]), np.array([0, 2, 2, 3])
WEIGHTS = np.array([1, 0.5, 2], dtype=np.float32)


def test_rows_are_summed_by_weight() -> None:
    """A user's sum is that of the rows of its items, each times its weight; without items it is zero."""
    table = np.array([[1, 10], [2, 20], [4, 40]], dtype=np.float32)
    sums = np.full((3, 2), np.nan, dtype=np.float32)
    sum_rows(table, ITEMS, STARTS, WEIGHTS, sums)
    np.testing.assert_array_equal(sums, [[4.5, 45], [0, 0], [8, 80]])


def test_pairs_are_sorted_by_item() -> None:
    """Users come in order within an item, and their weights with them."""
    starts, owners, weights = np.zeros(4, np.int64), np.empty(3, np.int64), np.empty(3, np.float32)
    by_item(ITEMS, STARTS, WEIGHTS, starts, owners, weights)
    assert starts.tolist() == [0, 1, 1, 3]
    assert owners.tolist() == [0, 0, 2]
    assert weights.tolist() == [0.5, 1, 2]


def test_gradients_of_rows_are_sums_over_owners() -> None:
    """A row's gradient is the weighted sum of those of the users who have its item."""
    of_users = np.array([[1, 10], [2, 20], [4, 40]], dtype=np.float32)
    found = np.full((3, 2), np.nan, dtype=np.float32)
    sum_gradients(of_users, np.array([0, 1, 1, 3]), np.array([0, 0, 2]), np.float32([0.5, 1, 2]), found)
    np.testing.assert_array_equal(found, [[0.5, 5], [0, 0], [9, 90]])


def test_steps_are_those_of_torchs_adam() -> None:
    """Three steps with decay move values as torch's Adam does with the decay in the gradient."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=50).astype(np.float32), random.normal(size=(3, 50))
    theirs = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    adam = torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    ours, means, squares = start.copy(), np.zeros(50, np.float32), np.zeros(50, np.float32)
    for taken, gradient in enumerate(gradients, start=1):
        theirs.grad = torch.from_numpy(gradient)
        adam.step()
        constants = np.float32([0.9, 0.99, 0.1 / (1 - 0.9**taken), (1 - 0.99**taken) ** -0.5])
        step_adam(ours, gradient.astype(np.float32), means, squares, 0.5, constants)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
