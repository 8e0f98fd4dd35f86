"""Terms by the number of users, unless the run states them."""

from __future__ import annotations

import pytest

from feddmf.privacy.accountant import epsilon_of, least_users
from feddmf.privacy.terms import Terms, terms_for


def test_stated_terms_hold_and_the_noise_is_theirs() -> None:
    """The accountant charges what was asked for, at most."""
    terms = terms_for(100, epsilon=2.0, delta=1e-6)
    assert (terms.epsilon, terms.delta) == (2.0, 1e-6)
    assert 1.99 < epsilon_of([terms.sigma], 1e-6) <= 2.0


def test_terms_that_are_not_stated_are_those_that_the_users_bear() -> None:
    """Few get the weakest default; delta is of the next power of two, so that nobody is counted by it."""
    assert terms_for(20_000).epsilon == 1.0
    assert terms_for(3_000).epsilon == terms_for(7).epsilon == 4.0
    assert terms_for(40_000) == terms_for(65_536) == Terms(1.0, 65_536**-1.1, terms_for(65_536).sigma)
    assert terms_for(0).delta == 1e-5


@pytest.mark.parametrize(
    ("epsilon", "users"), [(0.5, 20_000), (1, 20_000), (3.9, 20_000), (4, 3_000), (50, 3_000)]
)
def test_a_weaker_bound_takes_fewer_users(epsilon: float, users: int) -> None:
    """In the two steps of the defaults."""
    assert least_users(epsilon) == users
