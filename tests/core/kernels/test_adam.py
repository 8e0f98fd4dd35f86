"""Adam on rows: that of torch, and the same to the bit whether a gradient is zero or not there."""

from __future__ import annotations

import numpy as np
import torch

from feddmf.kernels.adam import BETAS, EPS, Moments, adam_row, adam_scale, idle_row

RATE = 0.01


def moments(columns: int) -> Moments:
    """Return a tensor of 3 rows with moments as training leaves them."""
    random = np.random.default_rng(0)
    drawn = [random.standard_normal((3, columns)).astype(np.float32) for _ in range(3)]
    return Moments(drawn[0], drawn[1], drawn[2] ** 2)


def test_steps_are_those_of_torch() -> None:
    """Four steps on one row end where torch.optim.Adam ends; the other rows stay."""
    tensor = Moments(*(np.zeros((3, 9), dtype=np.float32) for _ in range(3)))
    gradients = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float32)
    parameter = torch.zeros(9, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=RATE, betas=BETAS, eps=EPS)
    for step in range(4):
        parameter.grad = torch.from_numpy(gradients[step].copy())
        optimizer.step()
        adam_row(tensor, 1, gradients, step, adam_scale(step + 1, RATE))
    np.testing.assert_allclose(tensor.values[1], parameter.detach().numpy(), rtol=1e-6)
    assert not tensor.values[[0, 2]].any()


def test_a_row_without_a_gradient_steps_as_one_with_a_gradient_of_zero() -> None:
    """What an untouched row does is the same bits in both ways, at any width."""
    for columns in (1, 5, 8, 32, 37):
        idle, zero = moments(columns), moments(columns)
        scale = adam_scale(7, RATE)
        idle_row(idle, 2, scale)
        adam_row(zero, 2, np.zeros((1, columns), dtype=np.float32), 0, scale)
        for left, right in zip(idle, zero, strict=True):
            assert left.tobytes() == right.tobytes()
        assert (idle.values[2] != moments(columns).values[2]).all()
