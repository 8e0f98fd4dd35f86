"""A small public data set with tastes in it."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.datasets import Dataset, Pairs

USERS, ITEMS = 60, 40


@pytest.fixture(scope="session")
def tastes() -> Dataset:
    """Return 60 users and 40 items, some busier and better known; users have more items of their parity."""
    generator = np.random.default_rng(7)
    alike = np.arange(USERS)[:, None] % 2 == np.arange(ITEMS) % 2
    known = np.linspace(0.1, 0.9, ITEMS) * np.linspace(0.7, 1.3, USERS)[:, None]
    users, items = np.nonzero(generator.random((USERS, ITEMS)) < known * np.where(alike, 1.0, 0.2))
    pairs = Pairs.merge(
        np.array([f"u{user:02}" for user in users]),
        np.array([f"i{item:02}" for item in items]),
        np.ones(len(users)),
    )
    labels = {item: f"item {item} " for item in np.unique(pairs.items).tolist()}
    return Dataset("tastes", "Tastes", "none", "nobody", "value", pairs, labels)
