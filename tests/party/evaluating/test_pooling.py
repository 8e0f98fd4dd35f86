"""One score for an item of several owners: each is asked for what it sells, and counts by its weight."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.datasets import Dataset
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.main import SplitOptions, federate
from feddmf_party.evaluating.pooling import pool_owners

SCORES = {"party-02": 0.25, "party-03": 0.75}


@pytest.fixture
def federation(tastes: Dataset) -> Federation:
    """Return three parties; the second and the third sell some items that the first asks for."""
    return federate(tastes, SplitOptions(3, sharing="subsets"), 0)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [({}, 0.5), ({"party-02": 3.0}, 0.375), ({"party-03": 0.0}, 0.25), (dict.fromkeys(SCORES, 0.0), 0.5)],
)
def test_owners_count_by_weight(federation: Federation, weights: dict[str, float], expected: float) -> None:
    """An item of one owner has its score whatever the weight; of two, the weighted mean."""
    company = federation.companies["party-01"]

    def score(owner: str, keys: np.ndarray) -> np.ndarray:
        assert set(keys) <= set(federation.companies[owner].askable)
        return np.full((len(company.users), len(keys)), SCORES[owner])

    found = pool_owners(federation, company, company.asked, score, weights)
    assert found.dtype == np.float32
    owners = [federation.owners[key] for key in company.asked.tolist()]
    assert {len(each) for each in owners} == {1, 2}
    row = [expected if len(each) > 1 else SCORES[each[0]] for each in owners]
    np.testing.assert_allclose(found, np.tile(row, (len(company.users), 1)))


def test_nothing_asked_is_an_empty_block(federation: Federation) -> None:
    """No owner is asked."""
    company = federation.companies["party-01"]
    found = pool_owners(federation, company, company.asked[:0], lambda *_: pytest.fail("was asked"))
    assert found.shape == (len(company.users), 0)
