"""Scores of several owners as one: exact means, weights by skill, and what bounds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feddmf.combining import combine, far_apart, measured_skills, shares, weigh

NAN = float("nan")


def test_owners_count_by_their_weights() -> None:
    """.75 of .2 and .25 of .6 are .3, and the weighted deviation is sqrt(.75 * .01 + .25 * .09)."""
    combined, disagreement = combine(np.array([[[0.2]], [[0.6]]]), np.array([3.0, 1.0]))
    assert combined.tolist() == [[pytest.approx(0.3)]]
    assert disagreement.tolist() == [[pytest.approx(0.03**0.5)]]
    assert combined.dtype == disagreement.dtype == np.float32


def test_owners_without_weight_say_nothing_unless_there_is_no_other() -> None:
    """One that counts 0 changes nothing; where all do, they count alike."""
    scores = np.array([[[0.25]], [[0.75]]])
    assert [each.tolist() for each in combine(scores, np.array([0.5, 0.0]))] == [[[0.25]], [[0.0]]]
    assert [each.tolist() for each in combine(scores, np.array([0.0, 0.0]))] == [[[0.5]], [[0.25]]]


@given(
    arrays(np.float64, (3, 4, 2), elements=st.floats(0, 1)),
    arrays(np.float64, 3, elements=st.floats(0, 10)),
)
def test_what_is_combined_is_within_what_owners_say(scores: np.ndarray, weights: np.ndarray) -> None:
    """Between the least and the most; the deviation is at most half of what is between them."""
    combined, disagreement = combine(scores, weights)
    least, most = scores.min(axis=0), scores.max(axis=0)
    assert (combined >= least - 1e-6).all()
    assert (combined <= most + 1e-6).all()
    assert (disagreement >= 0).all()
    assert (disagreement <= (most - least) / 2 + 1e-6).all()


def test_each_item_is_shared_among_its_owners() -> None:
    """By weight where an owner has some, alike where none of them has, whole where there is one."""
    owns = np.array([[True, True, False], [True, False, True], [False, True, True]])
    parts = shares(np.array([3.0, 1.0, 0.0]), owns)
    assert parts.tolist() == [[0.75, 1, 0], [0.25, 0, 1], [0, 0, 0]]
    assert shares(np.zeros(3), owns)[:, 0].tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("skills", "weights"),
    [
        ([0.5, 0.25], [0.5, 0.25]),
        ([0.5, -0.1], [0.5, 0]),  # no better than chance
        ([0.5, 0.25, NAN, -1], [0.5, 0.25, 0, 0]),  # not measured, while others were
        ([NAN, NAN], [1, 1]),
        ([NAN, -0.1], [1, 0]),
        ([-0.1, 0], [0, 0]),
        ([], []),
    ],
)
def test_weights_follow_measured_skill(skills: list[float], weights: list[float]) -> None:
    """None for chance, the least for who was not measured, alike where nobody was."""
    assert weigh(skills).tolist() == weights


def test_owners_are_far_apart_by_what_they_come_to() -> None:
    """.1 of .5 is little, and of .15 much; one owner is never apart."""
    found = far_apart(np.array([[0.5, 0.15, 0.2]]), np.array([[0.1, 0.1, 0.0]]))
    assert found.tolist() == [[False, True, False]]


def test_skills_are_those_of_the_hidden_items_that_a_model_keeps() -> None:
    """By peer; nan for one of whom nothing was hidden."""
    truth = np.array([[1, 0]], dtype=np.uint8)
    kept = {"hidden.bolt.scores": truth.astype(np.float32), "hidden.bolt.truth": truth}
    bolt, cargo = measured_skills(kept, ("bolt", "cargo"))
    assert bolt == 1
    assert np.isnan(cargo)
