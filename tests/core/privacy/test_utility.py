from __future__ import annotations

import numpy as np
import pytest

from feddmf.evaluation.metrics import roc_auc
from feddmf.interactions import Interactions
from feddmf.privacy.accountant import sigma_for
from feddmf.privacy.mechanism import release_gram
from feddmf.privacy.noise import Noise, SystemNoise
from feddmf.privacy.spectral import CleanedGram, spectral_vectors, user_vectors
from feddmf.randomness import generator
from feddmf_party.datasets import generated

JUDGED = 400


class Silent:
    """Noise of nothing."""

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:  # noqa: ARG002  (a Noise)
        """Return zeros."""
        return np.zeros(shape)


def halves(data: Interactions) -> tuple[Interactions, Interactions]:
    """Return four fifths of the pairs, and the others."""
    held = generator(0, "held out").random(data.pairs) < 0.2
    rows = data.rows()
    kept, out = (
        Interactions.from_pairs(rows[part], data.indices[part], shape=(data.users, data.items))
        for part in (~held, held)
    )
    return kept, out


def user_area(kept: Interactions, held: Interactions, noise: Noise, sigma: float) -> float:
    """Return the mean ROC-AUC of users over the items that they were not seen to have."""
    release = release_gram(kept, noise, sigma)
    vectors = spectral_vectors(CleanedGram(release, 32), 32)
    judged = np.arange(JUDGED)
    scores = user_vectors(kept.of_users(judged), vectors, release.weights) @ vectors.T
    areas = []
    for user in judged:
        truth, unseen = np.zeros(kept.items, dtype=np.bool_), np.ones(kept.items, dtype=np.bool_)
        truth[held.indices[held.indptr[user] : held.indptr[user + 1]]] = True
        unseen[kept.indices[kept.indptr[user] : kept.indptr[user + 1]]] = False
        if truth.any():
            areas.append(roc_auc(truth[unseen], scores[user][unseen]))
    return float(np.mean(areas))


def test_20000_users_are_predicted_at_epsilon_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 items: at least .79 where the same without noise has about .84."""
    # Tastes weak enough that predictions without noise are about as good as those of a catalogue of films.
    monkeypatch.setattr(generated, "_TASTE_STRENGTH", 0.55)
    kept, held = halves(generated.generate(20_000, 1_000, 900_000, seed=0))
    plain = user_area(kept, held, Silent(), 2.0**-4)
    private = user_area(kept, held, SystemNoise(), sigma_for(1, 1e-5))
    assert 0.83 < plain < 0.85
    assert 0.79 <= private < plain
