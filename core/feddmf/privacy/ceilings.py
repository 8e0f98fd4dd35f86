"""The most that any attack on membership can reach against releases that are mu-GDP together.

Source: Dong, Roth and Su, "Gaussian differential privacy" (2022): no test tells a user's presence better than
N(0, 1) can be told from N(mu, 1), and the mu of several releases is the root of their squares' sum.
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["auc_ceiling", "mu_of", "tpr_ceiling"]

_NORMAL = NormalDist()


def mu_of(*sigmas: float) -> float:
    """Return the mu of releases with these noise multipliers together; 0 for none."""
    return math.hypot(*(1 / sigma for sigma in sigmas))


def auc_ceiling(mu: float) -> float:
    """Return the largest area under the ROC curve, Phi(mu / sqrt 2)."""
    return _NORMAL.cdf(mu / math.sqrt(2))


def tpr_ceiling(mu: float, fpr: float) -> float:
    """Return the largest rate of true positives at the rate `fpr` of false ones, Phi(mu + Phi^-1(fpr)).

    Raises ValueError unless 0 < fpr < 1.
    """
    if not 0 < fpr < 1:
        raise ValueError(f"a rate of false positives of {fpr!r} is not between 0 and 1")
    return _NORMAL.cdf(mu + _NORMAL.inv_cdf(fpr))
