"""Whom an audience is for: what is wanted of users, as probabilities and in words."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf_party.criteria import Criteria

ROWS = np.array([[0.5, 0.5, 0.25, 0.1], [1.0, 0.0, 0.5, 0.0]])


@pytest.mark.parametrize(
    ("criteria", "found", "described"),
    [
        (Criteria.of("a"), [0.5, 1.0], "a"),
        (Criteria(all=("a", "b")), [0.25, 0.0], "a and b"),
        (Criteria(any=("a", "b")), [0.75, 1.0], "a or b"),
        (Criteria(all=("a",), none=("b",)), [0.25, 1.0], "a and not b"),
        (Criteria(all=("a",), any=("b", "c")), [0.5 * 0.625, 0.5], "a and (b or c)"),
        (Criteria(("a",), ("b", "c"), ("d",)), [0.5 * 0.625 * 0.9, 0.5], "a and (b or c) and not d"),
    ],
)
def test_probabilities_are_combined_as_independent(
    criteria: Criteria, found: list[float], described: str
) -> None:
    """All multiply, of any one at least, none of the rest; matrices and columns alike."""
    rows = ROWS[:, : len(criteria.keys)]
    assert criteria.combine(rows).tolist() == pytest.approx(found)
    assert criteria.meet(list(rows.T)).tolist() == criteria.combine(rows).tolist()
    assert criteria.describe() == described


def test_one_attribute_is_what_it_was() -> None:
    """To the last bit, and not copied."""
    column = np.array([0.1, 0.2], dtype=np.float32)
    assert Criteria.of("a").meet([column]) is column


def test_labels_take_the_place_of_keys() -> None:
    """In the order of the keys."""
    assert Criteria(("a",), (), ("b",)).describe(["Ann", "Bob"]) == "Ann and not Bob"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"none": ("a",)}, "needs an attribute"), ({"all": ("a",), "none": ("a",)}, "'a' is named twice")],
)
def test_what_nobody_can_mean_is_refused(wanted: dict[str, tuple[str, ...]], said: str) -> None:
    """Nothing that users should have, and one attribute that they should both have and lack."""
    with pytest.raises(InputError, match=said):
        Criteria(**wanted)
