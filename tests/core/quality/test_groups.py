"""Bands of hidden items."""

from __future__ import annotations

import numpy as np

from feddmf.quality import Evidence, groups
from support.hidden import make_evidence


def owned_by(owners: list[int], users: int = 12) -> Evidence:
    """Return evidence of items that so many users have."""
    truth = np.arange(users)[:, None] < np.array(owners)
    scores = np.linspace(0.9, 0.1, users, dtype=np.float32)[:, None].repeat(len(owners), axis=1)
    return Evidence("b", np.arange(len(owners)), scores, truth)


def test_items_fall_into_thirds_by_owners() -> None:
    """Two items a band; those that nobody has are in none."""
    found = groups(owned_by([0, 9, 1, 4, 2, 8, 3]), 0.5)
    assert [(group.fewest, group.most, group.figures.items) for group in found] == [
        (1, 2, 2),
        (3, 4, 2),
        (8, 9, 2),
    ]


def test_items_with_equally_many_owners_share_a_band() -> None:
    """However many they are; empty bands are left out."""
    found = groups(owned_by([1, 1, 1, 1, 1, 7]), 0.5)
    assert [(group.fewest, group.most, group.figures.items) for group in found] == [(1, 1, 5), (7, 7, 1)]


def test_all_owned_items_are_in_one_band() -> None:
    """Positive cells of the bands add up to those of the whole."""
    evidence = make_evidence()
    assert sum(group.figures.positives for group in groups(evidence, 0.3)) == evidence.positives


def test_nothing_owned_has_no_bands() -> None:
    """Neither with items nor without."""
    assert groups(owned_by([0, 0]), 0.5) == ()
    assert groups(owned_by([]), 0.5) == ()
