"""Marks: who goes on from what it was told carries its own back, and nobody else does."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.protocols.marked import Marked, MarkedEvidence, draw_mark

ROWS = (200, 16)


def told(seed: int = 0) -> Marked:
    """Return what a party was told in some round."""
    random = np.random.default_rng(seed)
    means = random.standard_normal(ROWS).astype(np.float32)
    return Marked(random.standard_normal(ROWS).astype(np.float32), means, draw_mark(means, seed, "acme"))


def step(seed: int) -> np.ndarray:
    """Return a step of training, as long as a mark."""
    return 0.2 * np.random.default_rng((seed, 1)).standard_normal(ROWS).astype(np.float32)


def test_a_mark_is_small_and_drawn_alike() -> None:
    """It is a fifth of the vectors in every entry, and the same at the same address."""
    means = np.full((3, 2), 5.0, dtype=np.float32)
    mark = draw_mark(means, 1, "acme", "align", 3)
    np.testing.assert_allclose(np.abs(mark), 1.0, rtol=1e-6)
    assert np.array_equal(mark, draw_mark(means, 1, "acme", "align", 3))
    assert not np.array_equal(
        draw_mark(np.ones(ROWS, np.float32), 1, "acme"), draw_mark(np.ones(ROWS), 1, "bolt")
    )


@pytest.mark.parametrize(
    ("what", "responds"), [("trains", True), ("noise", False), ("frozen", False), ("alone", False)]
)
def test_only_who_goes_on_from_what_it_was_told_responds(what: str, responds: bool) -> None:
    """Over five rounds a party that trains is near 1, and any that does not take the means is near 0."""
    so_far = MarkedEvidence()
    for number in range(5):
        each = told(number)
        sent = {
            "trains": each.means + each.mark + step(number),
            "noise": np.random.default_rng((number, 2)).standard_normal(ROWS).astype(np.float32),
            "frozen": told(0).vectors,
            "alone": each.vectors + step(number),
        }[what]
        so_far = so_far.plus(each.news(sent))
    assert so_far.response is not None
    assert so_far.most is not None
    if responds:
        assert abs(so_far.response - 1) < 0.3
    else:
        assert so_far.response < 0.9
        assert so_far.response < so_far.most


def test_the_limit_of_chance_shrinks_with_rounds() -> None:
    """Noise is beyond doubt after enough rounds: even with two standard errors it stays under a fifth."""
    so_far = MarkedEvidence()
    random = np.random.default_rng(7)
    for number in range(400):
        so_far = so_far.plus(told(number).news(random.standard_normal(ROWS).astype(np.float32)))
    assert so_far.most is not None
    assert so_far.most < 0.35


def test_without_a_mark_there_is_no_response() -> None:
    """Vectors of zeros carry none."""
    zeros = np.zeros(ROWS, np.float32)
    found = Marked(zeros, zeros, draw_mark(zeros, 0)).news(step(0))
    assert (found.response, found.most, found.still) == (None, None, False)


def test_vectors_that_do_not_move_are_still() -> None:
    """Not by a bit: that is no training."""
    each = told()
    assert each.news(each.vectors).still
    assert not each.news(each.vectors + step(0)).still
