from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.privacy import mechanism
from feddmf.privacy.mechanism import STEP, exact_counts, exact_gram, item_weights, release_gram
from feddmf.privacy.noise import SystemNoise
from feddmf.randomness import generator


class Silent:
    """Noise of nothing, which says what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], float]] = []

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:
        """Return zeros."""
        self.asked.append((shape, sigma * STEP))
        return np.zeros(shape)


def table(rows: list[list[int]], items: int) -> Interactions:
    """Return users with these items."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return Interactions.from_pairs(
        users, np.array([item for row in rows for item in row], dtype=np.int64), shape=(len(rows), items)
    )


def frobenius(upper: np.ndarray) -> float:
    """Return the norm of a symmetric matrix in steps from its upper triangle, without rounding in its sum."""
    whole = upper.astype(object)
    return math.sqrt(int((whole**2).sum() * 2 - (whole.diagonal() ** 2).sum())) * STEP


def test_a_small_release_without_noise_is_what_the_equations_say() -> None:
    """Two users of three items: counts 1, 1/sqrt(2), 1/sqrt(2); z by weights of the counts' fourth roots."""
    data = table([[0], [1, 2], []], 3)
    found = release_gram(data, Silent(), 1.0, floor=0.01)
    half = math.sqrt(0.5)
    assert found.counts == pytest.approx([1, half, half], abs=1e-9)
    assert found.weights == pytest.approx([1, half**-0.25, half**-0.25], abs=1e-9)
    assert found.gram == pytest.approx(np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]]), abs=1e-5)


def test_weights_fall_with_the_fourth_root_and_stop_at_the_floor() -> None:
    """Rare items weigh more than common ones, but none more than the floor allows; noise may be negative."""
    assert item_weights(np.array([-5.0, 1.0, 16.0, 81.0]), 16.0) == pytest.approx([0.5, 0.5, 0.5, 1 / 3])


def test_noise_is_asked_for_at_the_widths_of_the_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts sigma / sqrt(.1), diagonal sigma / sqrt(.9), each pair of items once, sqrt(2) less."""
    monkeypatch.setattr(mechanism, "_BLOCK", 10)
    noise = Silent()
    found = release_gram(table([[0, 1]], 5), noise, 3.0)
    counts, diagonal, *pairs = noise.asked
    assert counts == ((5,), pytest.approx(3 / math.sqrt(0.1)))
    assert diagonal == ((5,), pytest.approx(3 / math.sqrt(0.9)))
    assert found.gram_sigma == pytest.approx(3 / math.sqrt(0.9))
    assert [sigma for _, sigma in pairs] == pytest.approx([3 / math.sqrt(1.8)] * 3)
    assert sum(shape[0] for shape, _ in pairs) == 10


def test_the_noise_of_a_release_has_its_width_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without users a release is noise alone: symmetric, and as wide as is promised."""
    monkeypatch.setattr(mechanism, "_BLOCK", 7_000)
    found = release_gram(table([[]], 400), SystemNoise(), 2.0)
    assert (found.gram == found.gram.T).all()
    off = found.gram[np.triu_indices(400, 1)]
    assert off.std() == pytest.approx(2 / math.sqrt(1.8), rel=0.02)
    assert found.gram.diagonal().std() == pytest.approx(2 / math.sqrt(0.9), rel=0.2)
    assert found.counts.std() == pytest.approx(2 / math.sqrt(0.1), rel=0.2)
    # Rows do not repeat each other's draws.
    assert len(np.unique(off)) == len(off)


def test_a_release_lies_on_its_grid_whatever_the_data_are() -> None:
    """Every entry is a whole number of steps."""
    found = release_gram(table([[0, 1, 2], [1], [2, 3]], 4), SystemNoise(), 0.7)
    for part in (found.counts, found.gram):
        assert (part / STEP == np.rint(part / STEP)).all()


def test_10000_users_come_and_go_within_the_sensitivity() -> None:
    """A user of no, one, some or all items who comes or goes moves counts and Gram by 1 at most."""
    random = generator(0, "users who come and go")
    items, others = 12, table([[0, 1], [3], list(range(12)), [2, 5, 7]], 12)
    longest = np.zeros(2)
    for trial in range(10_000):
        size = (0, 1, items)[trial % 4] if trial % 4 < 3 else int(random.integers(2, items))
        history = sorted(random.permutation(items)[:size].tolist())
        # From counts as uneven as noise makes them, over six orders of magnitude.
        weights = item_weights(10 ** random.uniform(-3, 3, items), 10 ** random.uniform(-3, 1))
        rows = [others.indices[others.indptr[user] : others.indptr[user + 1]].tolist() for user in range(4)]
        place = int(random.integers(0, 5))
        more = table([*rows[:place], history, *rows[place:]], items)
        counts = (exact_counts(more) - exact_counts(others)).astype(object)
        moved = (
            math.sqrt(int((counts**2).sum())) * STEP,
            frobenius(exact_gram(more, weights) - exact_gram(others, weights)),
        )
        longest = np.maximum(longest, moved)
        assert max(moved) <= 1 + 1e-9
        assert (max(moved) == 0) == (size == 0)
    # The bound is reached, so that noise is not wider than it must be.
    assert longest.min() > 1 - 1e-4


def test_a_user_of_very_many_items_is_no_longer_than_any_other() -> None:
    """Rounding of long rows stays within what is cut off."""
    items = 3_000
    data = table([list(range(items))], items)
    weights = item_weights(10 ** generator(0, "counts").uniform(-2, 4, items), 0.1)
    lengths = np.diagonal(exact_gram(data, weights)).sum() * STEP
    assert 1 - 1e-2 < lengths <= 1
    assert 1 - 1e-9 < (exact_counts(data).astype(object) ** 2).sum() * STEP**2 <= 1


def test_the_order_of_users_is_no_matter() -> None:
    """Sums of whole numbers are exact."""
    random = generator(0, "order")
    rows = [sorted(random.permutation(9)[: int(random.integers(0, 9))].tolist()) for _ in range(60)]
    weights = item_weights(random.uniform(1, 50, 9), 2.0)
    grams = [exact_gram(table(each, 9), weights) for each in (rows, rows[::-1])]
    assert (grams[0] == grams[1]).all()


def test_values_of_pairs_do_not_count() -> None:
    """How often or how dearly somebody bought is no part of the release."""
    plain = table([[0, 1], [1]], 2)
    dear = Interactions(plain.indptr, plain.indices, plain.values * 1000, plain.items)
    assert (release_gram(plain, Silent(), 1.0).gram == release_gram(dear, Silent(), 1.0).gram).all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan, 1e-3, 1e3])
def test_no_multiplier_no_release(sigma: float) -> None:
    """What would be exact, or is no number, is refused before anything is drawn."""
    noise = Silent()
    with pytest.raises(InputError, match="multiplier"):
        release_gram(table([[0]], 1), noise, sigma)
    assert not noise.asked


def test_nobody_and_nothing() -> None:
    """A release of no users is noise, and one of no items is empty."""
    assert release_gram(table([], 2), Silent(), 1.0).gram.tolist() == [[0, 0], [0, 0]]
    assert release_gram(table([[]], 0), Silent(), 1.0).gram.shape == (0, 0)
