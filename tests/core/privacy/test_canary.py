from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.evaluation.metrics import roc_auc
from feddmf.interactions import Interactions
from feddmf.privacy.ceilings import auc_ceiling, mu_of
from feddmf.privacy.mechanism import STEP, exact_counts, exact_gram, item_weights, release_gram
from feddmf.privacy.noise import SystemNoise

TRIALS = 20_000
# Each release holds trials side by side, on items of their own: entries between them say nothing of any.
BESIDE, ITEMS = 25, 3
OTHERS = ((0,), (0, 1), (1, 2))
CANARY = (0, 2)


def world(trials: int, *, canary: bool) -> Interactions:
    """Return the same three users for each trial, and the canary or an empty user as the fourth."""
    histories = (*OTHERS, CANARY if canary else ())
    pairs = [
        (4 * trial + user, ITEMS * trial + item)
        for trial in range(trials)
        for user, history in enumerate(histories)
        for item in history
    ]
    users, items = np.array(pairs).T
    return Interactions.from_pairs(users, items, shape=(4 * trials, ITEMS * trials))


def scores(sigma: float, *, canary: bool) -> np.ndarray:
    """Return what the shipped mechanism lets an attacker see of the canary, by likelihood ratio, [trials].

    The attacker knows the other users, the canary's history and the mechanism.
    """
    data, noise = world(BESIDE, canary=canary), SystemNoise()
    without, with_it = world(BESIDE, canary=False), world(BESIDE, canary=True)
    start = exact_counts(without)
    moved = (exact_counts(with_it) - start) * STEP
    found = []
    for _ in range(TRIALS // BESIDE):
        release = release_gram(data, noise, sigma)
        weights = item_weights(release.counts, release.floor)
        others = exact_gram(without, weights)
        shape = (exact_gram(with_it, weights) - others) * STEP
        counts = (release.counts - start * STEP) * moved * 0.1
        gram = (np.triu(release.gram) - others * STEP) * shape * 0.9
        rows = counts + gram.sum(1) * 2 - gram.diagonal()
        found.append(rows.reshape(BESIDE, ITEMS).sum(1))
    return np.concatenate(found)


def area(sigma: float) -> float:
    """Return the attack's area under the ROC curve."""
    seen = np.concatenate([scores(sigma, canary=False), scores(sigma, canary=True)])
    return float(roc_auc(np.repeat([False, True], TRIALS), seen))


@pytest.mark.parametrize("sigma", [3.731, 1.081, 0.5])
def test_the_best_attack_reaches_the_ceiling_and_no_more(sigma: float) -> None:
    """Within .01 at epsilon 1, 4 and 10: the noise is neither too little nor more than is said.

    Noise cannot be seeded, and .01 is 3.5 standard errors: by chance alone one audit in 2,000 falls outside,
    and then a second one decides.
    """
    ceiling = auc_ceiling(mu_of(sigma))
    assert any(math.isclose(area(sigma), ceiling, abs_tol=0.01) for _ in range(2))
