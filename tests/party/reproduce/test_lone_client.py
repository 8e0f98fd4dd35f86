"""An upload of one user tells its items."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.als import Observed, gradient, least_squares
from feddmf_party.datasets.generated import generate
from feddmf_party.reproduce.lone_client import recover_items


@pytest.mark.parametrize("alpha", [1.0, 10.0])
@pytest.mark.parametrize("has", [[3], [0, 7, 11, 30]])
def test_all_items_of_a_lone_user_are_recovered(has: list[int], alpha: float) -> None:
    """From the gradient and the factors alone, exactly."""
    items = np.random.default_rng(1).normal(size=(40, 5)) * 0.01
    indices = np.array(has)
    observed = Observed(np.array([0, len(has)]), indices, np.full(len(has), 1 + alpha), 40)
    user = least_squares(observed, items, 10.0)
    upload = gradient(observed.transposed(), items, user)
    assert recover_items(upload, items).nonzero()[0].tolist() == has


def test_a_whole_partys_upload_tells_no_items_apart() -> None:
    """In the sum over sixty users every item is out of proportion, and none stands out."""
    data = generate(60, 90, 1500, seed=1)
    items = np.random.default_rng(1).normal(size=(90, 5)) * 0.01
    observed = Observed(data.indptr, data.indices, np.full(data.pairs, 2.0), 90)
    upload = gradient(observed.transposed(), items, least_squares(observed, items, 10.0))
    assert recover_items(upload, items).all()
