"""The terms of a private run: what a party's number of users bears, unless a person answers for fewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.errors import PolicyError
from feddmf.interactions import Interactions
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.private_terms import agree_on
from support.runs import small_run


def agreed(users: int, policy: PrivacyPolicy, **asked: Any) -> tuple[float, float, str]:
    """Return epsilon, delta and who answers, for so many users, all but the first with an item."""
    return agreed_with(users, users - 1, policy, **asked)


def agreed_with(users: int, some: int, policy: PrivacyPolicy, **asked: Any) -> tuple[float, float, str]:
    """Return the same for so many users, of whom `some` have an item."""
    run = small_run(2, protocol="transfer", privacy={"mode": "gram", **asked})
    data = Interactions.from_pairs(np.arange(some), np.zeros(some, dtype=np.int64), shape=(users, 22))
    found = agree_on(run.items["acme"], data, policy)
    return found.terms.epsilon, found.terms.delta, found.override_by


def test_many_users_bear_more_noise() -> None:
    """Epsilon is 1 from 20,000 users and 4 from 3,000; delta goes by the next power of two."""
    policy = PrivacyPolicy()
    assert agreed(20_000, policy) == (1.0, 1e-5, "")
    assert agreed(3_000, policy) == (4.0, 1e-5, "")
    assert agreed(19_999, policy) == (4.0, 1e-5, "")
    assert agreed(60_000, policy)[1] == pytest.approx(65_536**-1.1)


@pytest.mark.parametrize("users", [3_000, 20_000, 32_768, 131_072])
def test_a_user_who_is_emptied_changes_no_terms(users: int) -> None:
    """Nor whether the party takes part: the number of rows is public, and what is in them is not."""
    full = agreed_with(users, users, PrivacyPolicy())
    assert agreed_with(users, users - 1, PrivacyPolicy()) == agreed_with(users, 0, PrivacyPolicy()) == full
    for some in (2_999, 2_998):
        with pytest.raises(PolicyError, match="and this party has fewer"):
            agreed_with(2_999, some, PrivacyPolicy())


def test_what_the_run_states_holds() -> None:
    """With as many users as it takes."""
    assert agreed(20_000, PrivacyPolicy(), epsilon=2.0, delta=1e-7) == (2.0, 1e-7, "")


def test_few_users_are_let_in_by_a_named_person_alone() -> None:
    """The reason says what is missing, and how many users there are not; the hint the line that allows it."""
    with pytest.raises(
        PolicyError, match="epsilon 4, under whose noise fewer than 3000 users teach"
    ) as caught:
        agreed(2_999, PrivacyPolicy())
    assert "2999" not in caught.value.message
    assert "[privacy] override_by" in caught.value.hint
    with pytest.raises(PolicyError, match="fewer than 20000 users"):
        agreed(5_000, PrivacyPolicy(), epsilon=1.0)
    assert agreed(50, PrivacyPolicy(override_by="Ann")) == (4.0, 1e-5, "Ann")
    assert agreed(3_000, PrivacyPolicy(override_by="Ann")) == (4.0, 1e-5, "")


def test_an_epsilon_over_the_policys_is_declined() -> None:
    """Also where it is the party's own default."""
    with pytest.raises(PolicyError, match="would have epsilon 4 here, over 2") as caught:
        agreed(3_000, PrivacyPolicy(max_epsilon_per_run=2.0))
    assert "[privacy] max_epsilon_per_run = 4" in caught.value.hint
