"""Probabilities of the classes of one column agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feddmf.class_probabilities import class_probabilities


def test_a_complete_column_sums_to_one() -> None:
    """Both ways, up and down, and each user by itself."""
    found = class_probabilities(np.array([[0.2, 0.2], [0.9, 0.3]]), ("c", "c"), complete={"c"})
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.75, 0.25]], rtol=1e-6)
    assert found.dtype == np.float32


def test_a_column_with_other_classes_leaves_room_for_them() -> None:
    """Sums under 1 stay, since the rest is another class; sums over 1 cannot be."""
    found = class_probabilities(np.array([[0.2, 0.3], [0.9, 0.6]]), ("c", "c"))
    np.testing.assert_allclose(found, [[0.2, 0.3], [0.6, 0.4]], rtol=1e-6)


def test_columns_do_not_touch_each_other() -> None:
    """Classes of one column need not stand side by side; one class alone is left as it is."""
    found = class_probabilities(np.array([[0.5, 0.8, 1.0]]), ("a", "b", "a"), complete={"a"})
    np.testing.assert_allclose(found, [[1 / 3, 0.8, 2 / 3]], rtol=1e-6)


def test_where_every_class_is_impossible_nothing_is_made_up() -> None:
    """A sum of 0 stays 0."""
    assert class_probabilities(np.zeros((1, 2)), ("c", "c"), complete={"c"}).tolist() == [[0.0, 0.0]]


@given(
    rows=st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=5),
    complete=st.sets(st.sampled_from(["a", "b"])),
)
def test_no_column_is_more_than_certain_and_no_order_is_lost(
    rows: list[tuple[float, ...]], complete: set[str]
) -> None:
    """Sums are at most 1, and within a user and column the likelier class stays so."""
    before = np.array(rows, dtype=np.float32)
    after = class_probabilities(before, ("a", "b", "b", "a"), complete=complete)
    for places in ([0, 3], [1, 2]):
        assert (after[:, places].sum(axis=1) <= 1 + 1e-6).all()
        first, second = before[:, places].T
        assert ((after[:, places[0]] <= after[:, places[1]]) | (first > second)).all()
