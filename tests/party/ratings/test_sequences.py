"""Histories, windows and the place of the next film."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf_party.ratings.sequences import Histories, Windows, rank_next
from feddmf_party.ratings.table import Ratings
from support.film_files import made_films

# User 1 sees films 7, 6, ..., 1 in this order; user 2 has four films, two of them at the same time.
ROWS = [("1", str(film), 3.0, 100 - film) for film in range(1, 8)]
ROWS += [("2", "3", 3.0, 5), ("2", "1", 3.0, 5), ("2", "2", 3.0, 1), ("2", "5", 3.0, 9)]


@pytest.fixture
def histories() -> Histories:
    """Return the histories of the two users."""
    return Histories.of(Ratings.of(made_films(ROWS)))


def test_histories_are_in_order_of_time(histories: Histories) -> None:
    """Each user's films by time, equal times by film."""
    assert histories.users.tolist() == [0] * 7 + [1] * 4
    assert histories.items.tolist() == [6, 5, 4, 3, 2, 1, 0, 1, 0, 2, 4]
    assert histories.places.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3]


def test_windows_hold_four_films_and_the_next(histories: Histories) -> None:
    """The last films are asked for, the earlier ones trained on; four films give no window."""
    last = histories.last(2)
    assert last.users.tolist() == [0, 0]
    assert last.before.tolist() == [[5, 4, 3, 2], [4, 3, 2, 1]]
    assert last.after.tolist() == [1, 0]
    earlier = histories.earlier(held=1, most=1)
    assert (earlier.before.tolist(), earlier.after.tolist()) == ([[5, 4, 3, 2]], [1])
    assert histories.earlier(held=2, most=9).after.tolist() == [2]
    assert len(histories.earlier(held=3, most=9)) == 0


def test_counts_leave_the_held_films_out(histories: Histories) -> None:
    """Films are counted by the users who had them before their last ones."""
    assert histories.counts(held=2).tolist() == [1, 1, 1, 1, 1, 1, 1]
    assert histories.counts(held=0).tolist() == [2, 2, 2, 1, 2, 1, 1]


def test_only_what_came_before_has_been_seen(histories: Histories) -> None:
    """The films after the one asked for are candidates like any other."""
    last = histories.last(2)
    assert histories.seen_before(last, 0).tolist() == [6, 5, 4, 3, 2]
    assert histories.seen_before(last, 1).tolist() == [6, 5, 4, 3, 2, 1]


def test_places_by_hand(histories: Histories) -> None:
    """Seen films do not count, ties go by code, and a film that cannot be scored is missed."""
    cases = histories.last(2)

    def falling(asked: Windows) -> np.ndarray:
        return np.tile(np.arange(7.0), (len(asked), 1))

    # Case 1 asks for film 1 against film 0, case 2 for film 0 alone.
    assert rank_next(histories, cases, falling) == {"recall_at_10": 1.0, "ndcg_at_10": 1.0}

    def level(asked: Windows) -> np.ndarray:
        return np.zeros((len(asked), 7))

    found = rank_next(histories, cases, level)
    assert found == pytest.approx({"recall_at_10": 1.0, "ndcg_at_10": (1 / math.log2(3) + 1) / 2})

    def mute(asked: Windows) -> np.ndarray:
        scores = falling(asked)
        scores[:, 0] = -np.inf
        return scores

    assert rank_next(histories, cases, mute) == {"recall_at_10": 0.5, "ndcg_at_10": 0.5}


def test_no_case_is_nan(histories: Histories) -> None:
    """Without a case there is no rate."""
    assert math.isnan(rank_next(histories, histories.last(0), lambda _: np.zeros((0, 7)))["recall_at_10"])
