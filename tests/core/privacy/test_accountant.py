from __future__ import annotations

import math

import pytest

from feddmf.errors import InputError
from feddmf.privacy.accountant import default_delta, default_epsilon, epsilon_of, sigma_for


@pytest.mark.parametrize(("epsilon", "sigma"), [(1, 3.731), (4, 1.081), (10, 0.5)])
def test_multipliers_of_common_epsilons(epsilon: float, sigma: float) -> None:
    """At delta 1e-5; and what is charged is never more than what was asked for."""
    found = sigma_for(epsilon, 1e-5)
    assert found == pytest.approx(sigma, abs=6e-4)
    assert epsilon * (1 - 1e-3) < epsilon_of([found], 1e-5) <= epsilon


@pytest.mark.parametrize(
    ("releases", "epsilon"), [(0, 0), (1, 1), (2, 1.465), (4, 2.15), (12, 4.02), (30, 6.87)]
)
def test_equal_releases_together(releases: int, epsilon: float) -> None:
    """Releases of epsilon 1 each cost less than their sum."""
    assert epsilon_of([3.731] * releases, 1e-5) == pytest.approx(epsilon, abs=6e-3)


def test_a_weak_release_decides() -> None:
    """Of unequal releases the one with least noise weighs most, and order is no matter."""
    both = epsilon_of([1.081, 3.731], 1e-5)
    assert both == epsilon_of([3.731, 1.081], 1e-5)
    assert 4 < both < 4.4


@pytest.mark.parametrize("epsilon", [0, -1, math.inf, math.nan, 1e-3, 1000])
def test_an_epsilon_without_a_bound_is_refused(epsilon: float) -> None:
    """No multiplier belongs to an infinite epsilon, nor to none."""
    with pytest.raises(InputError, match="epsilon"):
        sigma_for(epsilon, 1e-5)


def test_no_noise_and_no_delta_are_refused() -> None:
    """A multiplier of 0 or infinity is not charged, and delta is a probability."""
    for sigma in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="multiplier"):
            epsilon_of([1.0, sigma], 1e-5)
    for delta in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="delta"):
            epsilon_of([1.0], delta)


def test_defaults_follow_the_population() -> None:
    """Few users bear no release; delta stays far under one user in all."""
    assert [default_epsilon(users) for users in (2_999, 3_000, 19_999, 20_000)] == [None, 4.0, 4.0, 1.0]
    assert default_delta(1_000) == 1e-5
    assert default_delta(0) == 1e-5
    assert default_delta(1_000_000) == pytest.approx(1e-6**1.1)
