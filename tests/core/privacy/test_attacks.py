"""Shadow models' halves, and likelihood ratios: what they find where there is something, and where not."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.privacy.attack_figures import leak_of
from feddmf.privacy.attacks import FEWEST_MODELS, halves, likelihood_ratios


def drawn(shift: float, models: int, users: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return statistics of unit normal noise, `shift` larger for members, and who is one."""
    inside = halves(users, models, seed=4)
    noise = np.random.default_rng(2).normal(size=(models, users, 1))
    # A user's own level says nothing of membership, and neither does its scale.
    level = np.linspace(-50, 50, users)[None, :, None]
    return level + (noise + shift * inside[:, :, None]) * 3, inside


def test_each_user_is_in_half_of_the_models() -> None:
    """And each model has half of the users; seeds differ, the same seed does not."""
    inside = halves(9, 8, seed=1)
    assert inside.sum(axis=0).tolist() == [4] * 9
    assert inside.sum(axis=1).tolist() == [4, 5] * 4
    assert np.array_equal(inside, halves(9, 8, seed=1))
    assert not np.array_equal(inside, halves(9, 8, seed=2))


@pytest.mark.parametrize(("users", "models"), [(9, 7), (9, FEWEST_MODELS - 2), (1, 8)])
def test_too_few_are_refused(users: int, models: int) -> None:
    """An odd number of models too: each user would not be in as many as not."""
    with pytest.raises(InputError):
        halves(users, models, seed=1)


def test_what_moves_with_membership_is_found() -> None:
    """Two standard deviations make an area of Phi(2 / sqrt 2) = .921, and estimated means cost little."""
    leak = leak_of(*_attacked(*drawn(2.0, 32)))
    assert leak.auc == pytest.approx(0.921, abs=0.015)


@pytest.mark.parametrize("models", [FEWEST_MODELS, 32])
def test_noise_alone_is_no_leak_and_no_less(models: int) -> None:
    """Half of the area, within what chance does: shadow models do not tell who is in by their number."""
    leak = leak_of(*_attacked(*drawn(0.0, models)))
    assert abs(leak.auc - 0.5) < 4 * leak.auc_error
    assert leak.auc_error < 0.02


def test_statistics_that_say_the_same_twice_change_nothing() -> None:
    """And one that never moves is no division by zero."""
    once, inside = drawn(1.0, 16)
    several = np.concatenate([once, once, np.ones_like(once)], axis=2)
    areas = [leak_of(likelihood_ratios(each, inside), inside).auc for each in (once, several)]
    assert areas[1] == pytest.approx(areas[0], abs=1e-3)


def _attacked(statistics: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return likelihood_ratios(statistics, inside), inside
