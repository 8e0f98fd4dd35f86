"""Counter hashes: dropout masks of the right share, the same by compiled code and by torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feddmf.engines.dropout import dropout_mask_on
from feddmf.kernels.counters import dropout_mask, mix64, unit

KEY = np.uint64(0xFEDCBA9876543210)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("step", [0, 12345])
def test_torch_makes_the_masks_of_compiled_code(rate: float, step: int) -> None:
    """Both implementations drop the same units and scale the rest alike."""
    compiled = dropout_mask(KEY, np.uint64(step), 50, 7, rate)
    made = dropout_mask_on(torch.device("cpu"), KEY, step, 50, hidden=7, rate=rate)
    np.testing.assert_array_equal(compiled, made.numpy())


def test_dropout_keeps_its_share_and_its_mean() -> None:
    """Masks drop the share asked for, scale the rest by its inverse, and differ by step and key."""
    mask = dropout_mask(KEY, np.uint64(3), 1000, 64, 0.25)
    assert sorted(set(mask.ravel().tolist())) == pytest.approx([0, 4 / 3])
    assert float(mask.mean()) == pytest.approx(1, abs=0.01)
    # Units and samples are dropped alike, each within five standard errors.
    assert np.abs((mask > 0).mean(axis=0) - 0.75).max() < 5 * (0.1875 / 1000) ** 0.5
    assert np.abs((mask > 0).mean(axis=1) - 0.75).max() < 5 * (0.1875 / 64) ** 0.5
    for other in (
        dropout_mask(KEY, np.uint64(4), 1000, 64, 0.25),
        dropout_mask(np.uint64(5), np.uint64(3), 1000, 64, 0.25),
    ):
        assert abs(np.corrcoef(mask.ravel(), other.ravel())[0, 1]) < 5 / 64000**0.5


def test_units_are_uniform() -> None:
    """Hashes of neighbouring counters fill [0, 1) evenly."""
    drawn = np.array([unit(np.uint64(mix64(np.uint64(counter)))) for counter in range(10_000)])
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert counts.sum() == 10_000
    assert ((counts - 500) ** 2 / 500).sum() < 19 + 5 * (2 * 19) ** 0.5
