"""Hidden items whose scores are known to be right, or known not to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.quality import Evidence

__all__ = ["make_evidence", "make_truth"]


def make_evidence(
    seed: int = 0, *, users: int = 120, items: int = 60, spread: float = 0.0, taste: float = 1.5
) -> Evidence:
    """Return evidence whose scores are the true probabilities, but for an effect of each item.

    The logit is the item's base from N(-2.5, 1), plus the user's taste for it from N(0, taste^2), plus the
    item's effect from N(0, spread^2), of which the scores know nothing.
    """
    draws = np.random.default_rng(seed)
    logits = draws.normal(-2.5, 1, items) + taste * draws.standard_normal((users, items))
    effects = spread * draws.standard_normal(items)
    scores = 1 / (1 + np.exp(-logits))
    return Evidence("b", np.arange(items), scores.astype(np.float32), make_truth(logits + effects, draws))


def make_truth(logits: npt.NDArray[np.float64], draws: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw the truth of cells with these logits."""
    return draws.random(logits.shape) < 1 / (1 + np.exp(-logits))
