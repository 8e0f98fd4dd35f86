"""What an owner publishes of several user attributes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from scipy.special import expit

from feddmf.attribute_vectors import AttributeVectors, fit_attribute_vectors
from feddmf.evaluation import roc_auc
from feddmf.interactions import Interactions

USERS, DIM, ITEMS = 400, 3, 12


def make(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Interactions, np.ndarray]:
    """Return user vectors, activity, shared items, and labels: two complements, by item 2, rare."""
    draws = np.random.default_rng(seed)
    vectors = draws.normal(size=(USERS, DIM)).astype(np.float32)
    has = draws.random((USERS, ITEMS)) < 0.4
    rows, items = np.nonzero(has)
    shared = Interactions.from_pairs(rows, items, shape=(USERS, ITEMS))
    first = draws.random(USERS) < expit(2 * vectors[:, 0])
    third = draws.random(USERS) < expit(3.0 * has[:, 2] - 1.5)
    labels = np.stack([first, ~first, third, np.arange(USERS) < 9], axis=1)
    return vectors, np.log1p(has.sum(1)).astype(np.float32), shared, labels


def fit(columns: int = 2, known: np.ndarray | None = None, seed: int = 0) -> AttributeVectors:
    """Fit the attributes of `make`."""
    *features, labels = make()
    everyone = np.ones_like(labels)
    return fit_attribute_vectors(
        *features, labels, everyone if known is None else known, seed=seed, columns=columns
    )


def logits(made: AttributeVectors, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return the logits [users, k] that another party works out from published rows."""
    vectors, activity, shared, _ = make(seed)
    sums = np.zeros((USERS, rows.shape[1] - DIM - 2), np.float32)
    has = np.zeros((USERS, ITEMS), np.float32)
    has[shared.rows(), shared.indices] = 1
    if made.used:
        sums[:, -made.used :] = has @ made.contexts
    return np.hstack([vectors, np.ones((USERS, 1)), activity[:, None], sums]) @ rows.T


def test_a_peer_tells_attributes_of_its_own_users_from_what_is_published() -> None:
    """By the vector and by the shared items; the rows have the room that a run gives them."""
    made = fit()
    rows = made.rows(6)
    assert (rows.shape, rows.dtype) == ((4, DIM + 2 + 6), np.float32)
    theirs, labels = logits(made, rows, seed=1), make(1)[-1]
    assert all(roc_auc(labels[:, at], theirs[:, at]) > 0.7 for at in range(3))
    quality = made.quality()
    assert quality[:, 0].tolist() == [1.0] * 4
    assert (quality[:3, 1] > 0.7).all()


def test_complements_are_fitted_once_and_agree() -> None:
    """They need one context column together, and their probabilities sum to 1."""
    made = fit(columns=4)
    assert made.used == 2
    theirs = logits(made, made.rows(4), seed=1)
    np.testing.assert_allclose(theirs[:, 0], -theirs[:, 1], atol=1e-6)
    assert made.quality()[0].tolist() == made.quality()[1].tolist()


def test_what_too_few_have_is_not_fitted_and_tells_nothing() -> None:
    """Its row is zero, its quality says so, and the reason is kept for its owner."""
    made = fit()
    assert not made.rows(4)[3].any()
    assert made.quality()[3].tolist() == [1.0, 0.0, 0.0]
    assert made.skipped == {3: "9 users have it and 389 lack it; 10 of each are needed"}


def test_users_without_a_value_or_an_item_change_nothing() -> None:
    """Whatever stands in their rows: neither do they have the attribute nor do they lack it."""
    vectors, activity, shared, labels = make()
    known = np.ones_like(labels)
    known[:50] = False
    silent = np.arange(50, 60)
    changed = (labels.copy(), vectors.copy())
    changed[0][:60] ^= True
    changed[1][:60] = 99
    activity[silent] = 0
    first, second = (
        fit_attribute_vectors(v, activity, shared, each, known, seed=0, columns=2)
        for each, v in ((labels, vectors), changed)
    )
    np.testing.assert_array_equal(first.rows(2), second.rows(2))
    np.testing.assert_array_equal(first.quality(), second.quality())


def test_with_fewer_columns_the_most_known_attributes_have_them() -> None:
    """The others are told from vector and activity alone; without columns that is how all are told."""
    _, _, _, labels = make()
    known = np.ones_like(labels)
    known[: USERS // 2, :2] = False
    made = fit(columns=1, known=known)
    assert made.used == 1
    assert made.targets[:3, 0].tolist() == [0, 0, 1]
    none = fit(columns=0)
    assert none.rows(0).shape == (4, DIM + 2)
    assert none.contexts.shape == (ITEMS, 0)
    assert none.roc_auc[2] < made.roc_auc[2] - 0.1


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Of rows and quality."""
    first, second = fit(), fit()
    assert first.rows(4).tobytes() == second.rows(4).tobytes()
    assert first.quality().tobytes() == second.quality().tobytes()


def test_without_an_attribute_that_can_be_fitted_no_library_is_loaded() -> None:
    """A party whose attributes are all too rare needs nothing installed."""
    code = (
        "import sys, numpy as np; sys.modules['sklearn'] = None\n"
        "from feddmf.attribute_vectors import fit_attribute_vectors\n"
        "from feddmf.interactions import Interactions\n"
        "shared = Interactions.from_pairs(np.array([0]), np.array([0]), shape=(3, 1))\n"
        "none = np.zeros((3, 2), bool)\n"
        "vectors, activity = np.zeros((3, 4), np.float32), np.ones(3, np.float32)\n"
        "made = fit_attribute_vectors(vectors, activity, shared, none, none, seed=0, columns=2)\n"
        "print(made.rows(2).shape, made.used, 'scipy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "(2, 8) 0 False"
