from __future__ import annotations

import pytest

from feddmf.privacy.ceilings import auc_ceiling, mu_of, tpr_ceiling


@pytest.mark.parametrize(("sigma", "auc"), [(3.731, 0.575), (1.081, 0.743), (0.5, 0.921)])
def test_areas_of_one_release(sigma: float, auc: float) -> None:
    """Phi(mu / sqrt 2) at the multipliers of epsilon 1, 4 and 10."""
    assert auc_ceiling(mu_of(sigma)) == pytest.approx(auc, abs=5e-4)


def test_several_releases_add_in_squares() -> None:
    """Multipliers 1/3 and 1/4 make a mu of 5; none makes 0, against which nobody beats a coin."""
    assert mu_of(1 / 3, 1 / 4) == pytest.approx(5)
    assert mu_of() == 0
    assert auc_ceiling(0) == 0.5
    assert tpr_ceiling(0, 0.01) == pytest.approx(0.01)


def test_true_positives_at_a_rate_of_false_ones() -> None:
    """Phi(2.3263 - 2.3263) is a half; a rate that is none is refused."""
    assert tpr_ceiling(2.3263479, 0.01) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="false positives"):
        tpr_ceiling(1.0, 0.0)
