"""Scores of peers who own the same item, as one: their mean, weighted by what hidden items say of each.

Source: the linear opinion pool (Stone, 1961), with the weights of measured skill (Brier, 1950).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.evaluation import brier_skill

__all__ = ["combine", "far_apart", "measured_skills", "shares", "weigh"]

Floats = npt.NDArray[np.floating]

# Beyond this part of the score itself, disagreeing owners have been too hopeful by a tenth or more.
_FAR = 0.6


def combine(scores: Floats, weights: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the owners' weighted mean and their disagreement, both float32 [users, items].

    scores: [owners, users, items]; weights: [owners], from `weigh`. Disagreement is the weighted standard
    deviation of the owners' scores: 0 where all say the same, or only one counts.
    """
    part = shares(weights, np.ones((len(weights), 1), dtype=np.bool_))[:, :, None]
    mean = (scores * part).sum(axis=0)
    variance = (np.square(scores - mean) * part).sum(axis=0)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def far_apart(combined: Floats, disagreement: Floats) -> npt.NDArray[np.bool_]:
    """Tell where owners disagree so much that a score holds less than it says, bool in the shape of both."""
    return disagreement > _FAR * combined


def shares(weights: Floats, owns: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return what part each owner has in the score of each item, [owners, items]; the parts add up to 1.

    weights: [owners], from `weigh`; owns: [owners, items], who owns what, at least one each item. Owners of
    an item that have no weight count alike where no other owns it.
    """
    part = np.where(owns, weights[:, None], 0.0)
    nobody = ~part.any(axis=0)
    part[:, nobody] = owns[:, nobody]
    whole: npt.NDArray[np.float64] = part / part.sum(axis=0)
    return whole


def weigh(skills: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return what each peer of a run counts, [peers], by its measured skill; nan for one not measured.

    A peer counts by its skill, and not at all where it is no better than chance, or was not measured while
    others were; where nobody was found to be better, those that were not measured count alike.
    """
    measured = np.array(skills, dtype=np.float64)
    unknown = np.isnan(measured)
    weights = np.where(unknown, 0.0, np.maximum(measured, 0.0))
    better = weights > 0
    weights[unknown] = 0.0 if better.any() else 1.0
    return weights


def measured_skills(arrays: Mapping[str, npt.NDArray[Any]], owners: Sequence[str]) -> tuple[float, ...]:
    """Return the skill of each owner on the hidden items that a model's `arrays` keep; nan without these."""
    return tuple(_skill_of(arrays, owner) for owner in owners)


def _skill_of(arrays: Mapping[str, npt.NDArray[Any]], owner: str) -> float:
    scores, truth = arrays.get(f"hidden.{owner}.scores"), arrays.get(f"hidden.{owner}.truth")
    return float("nan") if scores is None or truth is None else brier_skill(truth.astype(np.bool_), scores)
