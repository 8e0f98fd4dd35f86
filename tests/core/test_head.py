"""The head: probabilities from features, without torch."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from feddmf.head import FEATURES, Head, cell_features

NETWORKS, WIDTH = 2, 3


def make_head(width: int = WIDTH) -> Head:
    """Return a head of two networks with weights drawn at random."""
    draws = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return draws.standard_normal(shape).astype(np.float32)

    return Head(
        threshold=0.25,
        centre=drawn(len(FEATURES)),
        factor=np.array([1, 0.5, 2, 1, 3], dtype=np.float32),
        linear_weight=drawn(NETWORKS, len(FEATURES)),
        out_bias=drawn(NETWORKS),
        first_weight=drawn(NETWORKS, width, len(FEATURES)),
        first_bias=drawn(NETWORKS, width),
        second_weight=drawn(NETWORKS, width, width),
        second_bias=drawn(NETWORKS, width),
        out_weight=drawn(NETWORKS, width),
    )


def test_probabilities_follow_the_formula() -> None:
    """One cell, computed by hand in float64 from the arrays."""
    head, cell = make_head(), np.array([0.3, -1.0, 2.0, 4.0, -0.5])
    z = np.clip((cell - head.centre) * head.factor, -6, 12)
    chances = []
    for n in range(NETWORKS):
        hidden = np.maximum(head.first_weight[n] @ z + head.first_bias[n], 0)
        hidden = np.maximum(head.second_weight[n] @ hidden + head.second_bias[n], 0)
        logit = head.linear_weight[n] @ z + head.out_bias[n] + head.out_weight[n] @ hidden
        chances.append(1 / (1 + math.exp(-logit)))
    assert head.probabilities(cell[None]) == pytest.approx([np.mean(chances)], abs=1e-6)


def test_without_width_it_is_a_logistic_regression() -> None:
    """A head fitted on little has no layers."""
    head, cell = make_head(width=0), np.array([0.3, -1.0, 2.0, 4.0, -0.5], dtype=np.float32)
    logits = head.linear_weight @ ((cell - head.centre) * head.factor) + head.out_bias
    assert head.probabilities(cell[None]) == pytest.approx([np.mean(1 / (1 + np.exp(-logits)))], abs=1e-6)


def test_arrays_return_the_same_head() -> None:
    """What is stored gives the same probabilities and threshold; a missing array is named."""
    head, features = (
        make_head(),
        np.random.default_rng(1).standard_normal((50, len(FEATURES))).astype(np.float32),
    )
    again = Head.from_arrays(head.arrays())
    assert again.threshold == head.threshold
    assert (again.probabilities(features) == head.probabilities(features)).all()
    with pytest.raises(KeyError, match="out_bias"):
        Head.from_arrays({name: array for name, array in head.arrays().items() if name != "out_bias"})


def test_blocks_change_nothing() -> None:
    """Cells that take more than one block have the probabilities that they have alone."""
    head, features = (
        make_head(),
        np.random.default_rng(1).standard_normal((9000, len(FEATURES))).astype(np.float32),
    )
    whole = head.probabilities(features)
    assert whole.dtype == np.float32
    assert whole[[0, 5000, 8999]] == pytest.approx(head.probabilities(features[[0, 5000, 8999]]), abs=1e-6)
    assert not len(head.probabilities(features[:0]))


def test_far_features_give_probabilities() -> None:
    """However large a feature, the answer is within 0..1, and not nan."""
    found = make_head().probabilities(np.array([[1e30, -1e30, 0, 0, 0], [math.inf, 0, 0, -math.inf, 0]]))
    assert ((found >= 0) & (found <= 1)).all()


def test_unusable_features_are_refused() -> None:
    """A nan and a wrong number of features raise ValueError."""
    with pytest.raises(ValueError, match="not a number"):
        make_head().probabilities(np.full((1, len(FEATURES)), math.nan))
    with pytest.raises(ValueError, match="features are"):
        make_head().probabilities(np.zeros((1, 3)))


def test_cell_features_run_over_users_first() -> None:
    """Cell (1, 0) of 2 users and 3 items is the fourth, with its user's activity and item's popularity."""
    tower, linear = np.arange(6.0).reshape(2, 3), 10 + np.arange(6.0).reshape(2, 3)
    near = 20 + np.arange(6.0).reshape(2, 3)
    features = cell_features(tower, linear, np.array([-1.0, -2.0, -3.0]), np.array([5.0, 6.0]), near)
    assert features.shape == (6, len(FEATURES))
    assert features[3].tolist() == [3, 13, -1, 6, 23]
    assert features[2].tolist() == [2, 12, -3, 5, 22]


def test_cell_features_of_other_shapes_are_refused() -> None:
    """Popularity is by item and activity by user."""
    with pytest.raises(ValueError, match="are"):
        cell_features(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2), np.zeros(3), np.zeros((2, 3)))


def test_queries_load_no_torch() -> None:
    """The head and the quality of a peer are known without torch."""
    code = "import sys, feddmf.head, feddmf.quality; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
