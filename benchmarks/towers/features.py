"""What a head is told of a cell beside tower, linear score, popularity and activity: one feature at a time.

Each takes the place of the product's fifth feature, so that the product's head is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from benchmarks.towers.linear import Linear
from benchmarks.towers.stages import Side
from benchmarks.towers.training import Trained

from feddmf.head import FEATURES
from feddmf.neighbours import Neighbours
from feddmf.placed import Placed
from feddmf.user_attributes import dense_labels

__all__ = ["FIFTH", "Cells", "features_of"]

Floats = npt.NDArray[np.float32]

_FIFTH = FEATURES.index("nearness")
# Of the home ridge of `hop`.
_RIDGE = 100.0
_LEAD = 8
_LEAST_SQUARE, _LEAST = 1e-4, 1e-3


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one side: its tower, the peer's vectors of the asked items, and the peer's map."""

    side: Side
    tower: Trained
    asked: Floats  # [asked, dim]
    linear: Linear

    @property
    def neighbours(self) -> Neighbours:
        """The side's items in the space of the towers."""
        return Neighbours(self.side.data, self.tower.vectors)


def features_of(cells: Cells, fifth: str) -> Floats:
    """Return what a head is told, float32 [users * asked, FEATURES], with `fifth` instead of nearness."""
    side, rows = cells.side, len(cells.asked)
    published = np.concatenate([cells.asked, np.zeros((rows, 2), np.float32), cells.linear.targets], axis=1)
    placed = Placed(cells.tower.users, cells.linear.sums)
    activity = np.log1p(side.data.user_counts()).astype(np.float32)
    features = placed.features(np.arange(side.data.users), published, activity)
    features[:, _FIFTH] = FIFTH[fifth](cells).ravel()
    return features


def _none(cells: Cells) -> Floats:
    return np.zeros((cells.side.data.users, len(cells.asked)), np.float32)


def _nearness(cells: Cells) -> Floats:
    return cells.neighbours.nearness(np.arange(cells.side.data.users), cells.asked)


def _linear_nearness(cells: Cells) -> Floats:
    """Return the same, by the peer's linear contexts and targets in the place of the towers' vectors."""
    side, linear = cells.side, cells.linear
    near = Neighbours(side.data.columns(side.aligned), linear.contexts)
    return near.nearness(np.arange(side.data.users), linear.targets)


def _linear_squares(cells: Cells) -> Floats:
    """Return ln of the sum of squares of the positive terms of the linear score."""
    terms = np.maximum(cells.linear.contexts @ cells.linear.targets.T, 0)  # [aligned, asked]
    return np.log(_histories(cells) @ terms**2 + _LEAST_SQUARE)


def _linear_most(cells: Cells) -> Floats:
    """Return ln of the largest term of the linear score."""
    terms = np.maximum(cells.linear.contexts @ cells.linear.targets.T, _LEAST)  # [aligned, asked]
    return np.log(
        np.stack([terms[has > 0].max(axis=0, initial=_LEAST) for has in _histories(cells)]).astype(np.float32)
    )


def _hop(cells: Cells) -> Floats:
    """Return the linear score of the aligned items that a user's exclusive ones speak for at home.

    A ridge of each aligned item on the exclusive ones, without the user itself.
    """
    exclusive = dense_labels(cells.side.data, cells.side.own).astype(np.float64)
    known = _histories(cells).astype(np.float64)
    values, basis = np.linalg.eigh(exclusive @ exclusive.T)
    shrunk = 1 / (np.maximum(values, 0) + _RIDGE)
    residual = basis @ (shrunk[:, None] * (basis.T @ known))
    spoken = known - residual / (basis**2 @ shrunk)[:, None]  # [users, aligned]
    return (spoken @ cells.linear.contexts @ cells.linear.targets.T).astype(np.float32)


def _lead(cells: Cells) -> Floats:
    """Return the linear score by its leading columns alone."""
    return cells.linear.sums[:, :_LEAD] @ cells.linear.targets[:, :_LEAD].T


def _histories(cells: Cells) -> Floats:
    return dense_labels(cells.side.data, cells.side.aligned).astype(np.float32)


FIFTH: Mapping[str, Callable[[Cells], Floats]] = MappingProxyType(
    {
        "none": _none,
        "nearness": _nearness,
        "linear-nearness": _linear_nearness,
        "linear-squares": _linear_squares,
        "linear-most": _linear_most,
        "hop": _hop,
        "lead": _lead,
    }
)
