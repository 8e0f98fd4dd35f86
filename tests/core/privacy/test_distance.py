"""What the sampler is off by: the bound of one draw on small grids, and of whole releases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.privacy import distance
from feddmf.privacy.accountant import epsilon_of, sigma_for
from feddmf.privacy.distance import MOST_ITEMS, STEP, delta_of, distance_of
from feddmf.privacy.mechanism import check_release


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
def test_one_draw_diverges_by_less_than_is_said(sigma: float) -> None:
    """Computed exactly over the whole numbers: about half of the bound, which goes by sigma^-4."""
    whole = np.arange(-int(12 * sigma), int(12 * sigma) + 1)
    drawn = np.exp(-np.square(whole) / (2 * sigma**2))
    drawn /= drawn.sum()
    at = [math.erf((edge - 0.5) / (sigma * math.sqrt(2))) for edge in [*whole, whole[-1] + 1]]
    rounded = np.diff(at) / 2
    kept = (drawn > 1e-18) & (rounded > 1e-12)
    divergence = float(np.sum(drawn[kept] * (np.log(drawn[kept] / rounded[kept]))) - drawn[kept].sum())
    divergence += float(rounded[kept].sum())
    assert 0.9 / (576 * sigma**4) < divergence < 1 / (288 * sigma**4)


def test_what_is_asked_for_holds_with_the_sampler_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least delta of a run file, at several epsilons: Gaussian and sampler together stay under it."""
    for epsilon in (0.05, 4.0, 15.0):
        sigma = sigma_for(epsilon, 1e-9)
        assert 0 < delta_of(distance_of(sigma), epsilon) < 2e-11
        assert epsilon_of([sigma], 1e-9) <= epsilon
    # A sampler that were off by 2^-35 would cost more.
    monkeypatch.setattr("feddmf.privacy.accountant.distance_of", lambda _: 2.0**-35)
    sigma = sigma_for(4.0, 1e-8)
    assert epsilon_of([sigma], 1e-8 - delta_of(2.0**-35, 4.0)) > epsilon_of([sigma], 1e-8)
    assert epsilon_of([1.5], 1e-9) == math.inf


def test_many_releases_are_off_by_more_and_too_many_bound_nothing() -> None:
    """Distances add up; where they are more than delta there is no epsilon."""
    assert epsilon_of([1.0] * 3, 1e-9) > epsilon_of([1.0] * 2, 1e-9)
    assert epsilon_of([0.5] * 5, 1e-9) == math.inf


def test_the_distance_is_of_the_largest_release() -> None:
    """All entries of the matrix and all counts; a run of more items is refused before it is charged."""
    assert distance._DRAWS == MOST_ITEMS * (MOST_ITEMS + 1) // 2 + MOST_ITEMS
    steps = 1.0 / math.sqrt(1.8) / STEP
    assert distance_of(1.0) == pytest.approx(1.01 * math.sqrt(distance._DRAWS / 576) / steps**2, rel=1e-6)
    check_release(10, MOST_ITEMS, 1.0)
    with pytest.raises(InputError, match="100001 items are more than the 100000"):
        check_release(10, MOST_ITEMS + 1, 1.0)
