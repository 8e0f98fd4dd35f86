"""The peer's linear map as its asker meets it. Product: `feddmf.members.linear_maps`, `feddmf.transfer`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from benchmarks.towers.stages import Side

from feddmf.transfer import fit_linear_map, sum_contexts

__all__ = ["Linear", "fit_linear"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Linear:
    """contexts: float32 [aligned, rank]; targets: [asked, rank]; sums: [users, rank]."""

    contexts: Floats
    targets: Floats
    sums: Floats


def fit_linear(asker: Side, owner: Side, rank: int) -> Linear:
    """Fit the owner's map from the aligned items to what is asked of it, and place the asker's users."""
    others = np.setdiff1d(owner.own, asker.asked)
    outputs = np.concatenate([asker.asked, others])
    fitted = fit_linear_map(owner.data, owner.aligned, outputs, ridge="auto", rank=rank)
    contexts, targets = fitted.contexts.astype(np.float32), fitted.targets.astype(np.float32)
    sums = sum_contexts(asker.data, asker.aligned, contexts).astype(np.float32)
    return Linear(contexts, targets[: len(asker.asked)], sums)
