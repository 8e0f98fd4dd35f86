"""Marks: who goes on from what it was told carries its own back, and nobody else does."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf import blocks
from feddmf.protocols.marked import Marked, MarkedEvidence, draw_marks
from feddmf.randomness import generator

ROWS = (200, 16)


def told(seed: int = 0) -> Marked:
    """Return what a party was told in some round."""
    random = np.random.default_rng(seed)
    marked = random.standard_normal(ROWS).astype(np.float32)
    (mark,) = draw_marks([marked], seed, "acme")
    mark.add_to(marked)
    return Marked(random.standard_normal(ROWS).astype(np.float32), marked, mark)


def drawn(means: np.ndarray, seed: int, *address: str | int) -> np.ndarray:
    """Return the mark of one table."""
    (mark,) = draw_marks([means], seed, *address)
    return mark.of(slice(None))


def step(seed: int) -> np.ndarray:
    """Return a step of training, as long as a mark."""
    return 0.2 * np.random.default_rng((seed, 1)).standard_normal(ROWS).astype(np.float32)


def test_a_mark_is_small_and_drawn_alike() -> None:
    """It is a fifth of the vectors in every entry, and the same at the same address."""
    means = np.full((3, 2), 5.0, dtype=np.float32)
    mark = drawn(means, 1, "acme", "align", 3)
    np.testing.assert_allclose(np.abs(mark), 1.0, rtol=1e-6)
    assert np.array_equal(mark, drawn(means, 1, "acme", "align", 3))
    ones = np.ones(ROWS, np.float32)
    assert not np.array_equal(drawn(ones, 1, "acme"), drawn(ones, 1, "bolt"))


@pytest.mark.parametrize("numbers", [1, 100, 1 << 17])
def test_marks_of_tables_are_one_draw(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signs of all tables follow one another in one stream, however many rows are drawn at a time."""
    monkeypatch.setattr(blocks, "_NUMBERS", numbers)
    tables = [np.full((5, 11), 3.0), np.full((4, 11), 1.0)]
    found = [mark.of(slice(None)) for mark in draw_marks(tables, 2, "acme")]
    signs = generator(2, "mark", "acme").integers(2, size=(9, 11)) * 2 - 1
    size = 0.2 * np.sqrt((5 * 9 + 4) / 9)
    np.testing.assert_allclose(np.concatenate(found), signs * size, rtol=1e-12)


@pytest.mark.parametrize(
    ("what", "responds"), [("trains", True), ("noise", False), ("frozen", False), ("alone", False)]
)
def test_only_who_goes_on_from_what_it_was_told_responds(what: str, responds: bool) -> None:
    """Over five rounds a party that trains is near 1, and any that does not take the means is near 0."""
    so_far = MarkedEvidence()
    for number in range(5):
        each = told(number)
        sent = {
            "trains": each.told + step(number),
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
    (mark,) = draw_marks([zeros], 0)
    found = Marked(zeros, zeros, mark).news(step(0))
    assert (found.response, found.most, found.still) == (None, None, False)


def test_vectors_that_do_not_move_are_still() -> None:
    """Not by a bit: that is no training."""
    each = told()
    assert each.news(each.vectors).still
    assert not each.news(each.vectors + step(0)).still
