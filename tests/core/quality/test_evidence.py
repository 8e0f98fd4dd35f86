"""What a party holds of its hidden items."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.quality import Evidence

SCORES = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], dtype=np.float32)
TRUTH = np.array([[0, 1], [0, 1], [1, 0]], dtype=np.uint8)
ARRAYS = {
    "hidden.b.items": np.array([4, 7], dtype=np.int64),
    "hidden.b.scores": SCORES,
    "hidden.b.truth": TRUTH,
    "hidden.c.items": np.array([4], dtype=np.int64),
}


def test_evidence_is_taken_from_a_partys_model() -> None:
    """Scores and truth of the peer that is named, with what they amount to."""
    evidence = Evidence.from_arrays(ARRAYS, "b")
    assert evidence is not None
    assert (evidence.peer, evidence.users, evidence.positives) == ("b", 3, 3)
    assert evidence.items.tolist() == [4, 7]
    assert evidence.truth.tolist() == TRUTH.astype(bool).tolist()


def test_a_peer_without_scores_has_no_evidence() -> None:
    """Neither one whose hidden items were too few for a head, nor one that is not there."""
    assert Evidence.from_arrays(ARRAYS, "c") is None
    assert Evidence.from_arrays(ARRAYS, "d") is None


def test_a_missing_array_is_named() -> None:
    """Scores without their truth are a damaged model."""
    with pytest.raises(KeyError, match=r"hidden\.b\.truth"):
        Evidence.from_arrays({name: ARRAYS[name] for name in ARRAYS if name != "hidden.b.truth"}, "b")


def test_items_can_be_taken_out() -> None:
    """The evidence of the second item alone."""
    evidence = Evidence.from_arrays(ARRAYS, "b")
    assert evidence is not None
    part = evidence.of_items(np.array([1]))
    assert (part.items.tolist(), part.positives) == ([7], 2)
    assert part.scores.ravel() == pytest.approx([0.9, 0.8, 0.7])


@pytest.mark.parametrize("score", [-0.1, 1.5, math.nan])
def test_scores_are_probabilities(score: float) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="score"):
        Evidence("b", np.array([1]), np.array([[score]], dtype=np.float32), np.array([[True]]))


def test_shapes_agree() -> None:
    """Scores and truth are of the same users and of these items."""
    with pytest.raises(ValueError, match="items, scores, truth"):
        Evidence("b", np.array([1]), SCORES, TRUTH.astype(np.bool_))
