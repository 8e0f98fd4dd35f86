"""The head: probabilities from a peer's two scores of a cell, what is known of the item, and of the user.

A party has the truth of the items that it hid from its own inputs during the pilot, and fits a head for each
peer on these cells (`feddmf.head_fitting`). The head never leaves the party. Numpy only, so that queries load
no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["FEATURES", "Head", "Told", "cell_features"]

FEATURES = ("tower", "linear", "popularity", "activity", "nearness")
"""What a head knows of a cell: the user's tower times the peer's vector; the peer's linear score; ln of the
item's mean linear score over the party's users, held at 1e-4 or more; ln(1 + items that the user has); ln of
how near the item is to these, by the party's own item vectors."""

Floats = npt.NDArray[np.float32]

# Standardised features are held within these: far out, a head has seen too little to follow.
_LOWEST, _HIGHEST = np.float32(-6), np.float32(12)
# Activations of a block stay within a core's cache.
_BLOCK_CELLS = 1 << 12
# Beyond these logits float32 probabilities differ from 0 and 1 by nothing that matters, and exp is finite.
_LOGIT_EDGE = np.float32(30)
# Cells that go through a compiled kernel in one call.
_COMPILED_BLOCK = 1 << 14


class Told(NamedTuple):
    """What a head is told of all cells of users and items: FEATURES, as `cell_features` takes them."""

    tower: Floats  # [users, items]
    linear: Floats  # [users, items]
    popularity: Floats  # [items]
    activity: Floats  # [users]
    nearness: Floats  # [users, items]


@dataclass(frozen=True, eq=False)
class Head:
    """The mean probability of small networks, each a logistic regression plus two layers of rectified units.

    For a cell with features f: z = clip((f - centre) * factor); the logit of a network is
    w . z + b + v . relu(W2 relu(W1 z + b1) + b2). A width of 0 leaves the logistic regression alone.
    """

    threshold: float
    """Above it a probability is called positive: best F1 on out-of-fold hidden cells."""
    centre: Floats  # [features]
    factor: Floats  # [features], 0 where a feature says nothing
    linear_weight: Floats  # w [networks, features]
    out_bias: Floats  # b [networks]
    first_weight: Floats  # W1 [networks, width, features]
    first_bias: Floats  # b1 [networks, width]
    second_weight: Floats  # W2 [networks, width, width]
    second_bias: Floats  # b2 [networks, width]
    out_weight: Floats  # v [networks, width]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Head:
        """Take what `arrays` gave; KeyError names a missing array."""
        named = {name: np.asarray(arrays[name], dtype=np.float32) for name in _ARRAYS}
        return cls(threshold=float(arrays["threshold"][0]), **named)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the head is, as plain arrays."""
        named = {name: getattr(self, name) for name in _ARRAYS}
        return {"threshold": np.array([self.threshold]), **named}

    def probabilities(self, features: npt.NDArray[np.floating]) -> Floats:
        """Return the probability of each cell, float32 [cells] in [0, 1], for features [cells, FEATURES].

        Raises ValueError where a feature is not a number, or their count is another.
        """
        if features.ndim != 2 or features.shape[1] != len(self.centre):  # noqa: PLR2004  (cells, features)
            raise ValueError(f"features are {features.shape}, not [cells, {len(self.centre)}]")
        found = np.zeros(len(features), dtype=np.float32)
        for start in range(0, len(features), _BLOCK_CELLS):
            block = slice(start, start + _BLOCK_CELLS)
            found[block] = _mean_probability(self._logits(self.standardised(features[block])))
        return _numbers(found)

    def of_cells(self, told: Told, *, compiled: bool = False) -> Floats:
        """Return the probability of each cell, float32 [users, items] in [0, 1].

        compiled: by a kernel, which is faster and takes its time to load. Raises ValueError where a feature
        is not a number, or the head was fitted on others.
        """
        if not compiled:
            return self.probabilities(cell_features(*told)).reshape(told.tower.shape)
        if len(self.centre) != len(FEATURES):
            raise ValueError(f"features are {len(FEATURES)}, not {len(self.centre)}")
        from feddmf.kernels.head_networks import Layers, head_logits

        exact = Told(*(np.ascontiguousarray(each, dtype=np.float32) for each in told))
        named: dict[str, Floats] = {name: getattr(self, name) for name in _ARRAYS}
        layers = Layers(**named, lowest=_LOWEST, highest=_HIGHEST)
        found = np.empty(told.tower.size, dtype=np.float32)
        for start in range(0, len(found), _COMPILED_BLOCK):
            part = found[start : start + _COMPILED_BLOCK]
            logits = np.empty((len(self.out_bias), len(part)), dtype=np.float32)
            head_logits(exact, layers, start, logits)
            part[:] = _mean_probability(logits)
        return _numbers(found).reshape(told.tower.shape)

    def standardised(self, features: npt.NDArray[np.floating]) -> Floats:
        """Return what the networks see of features [cells, FEATURES], float32 of the same shape."""
        scaled = (features.astype(np.float32) - self.centre) * self.factor
        clipped: Floats = np.clip(scaled, _LOWEST, _HIGHEST)
        return clipped

    def _logits(self, seen: Floats) -> Floats:
        """Return the networks' logits for standardised features [cells, FEATURES], [networks, cells]."""
        logits = seen @ self.linear_weight.T + self.out_bias  # [cells, networks]
        for network in range(len(self.out_bias) if self.first_bias.size else 0):
            hidden = _relu(seen @ self.first_weight[network].T, self.first_bias[network])  # [cells, width]
            hidden = _relu(hidden @ self.second_weight[network].T, self.second_bias[network])
            logits[:, network] += hidden @ self.out_weight[network]
        return logits.T


_ARRAYS = tuple(name for name in Head.__dataclass_fields__ if name != "threshold")


def cell_features(
    tower: npt.NDArray[np.floating],
    linear: npt.NDArray[np.floating],
    popularity: npt.NDArray[np.floating],
    activity: npt.NDArray[np.floating],
    nearness: npt.NDArray[np.floating],
) -> Floats:
    """Return the FEATURES of all cells, float32 [users * items, FEATURES], users first.

    tower, linear, nearness: [users, items]; popularity: [items]; activity: [users]. ValueError where shapes
    differ.
    """
    users, items = tower.shape
    by_cell = {tower.shape, linear.shape, nearness.shape}
    if len(by_cell) > 1 or popularity.shape != (items,) or activity.shape != (users,):
        shapes = (tower.shape, linear.shape, popularity.shape, activity.shape, nearness.shape)
        raise ValueError(f"{', '.join(FEATURES)} are {shapes}")
    features = np.empty((users, items, len(FEATURES)), dtype=np.float32)
    features[..., 0], features[..., 1] = tower, linear
    features[..., 2], features[..., 3] = popularity, activity[:, None]
    features[..., 4] = nearness
    return features.reshape(users * items, len(FEATURES))


def _mean_probability(logits: Floats) -> Floats:
    """Return the networks' mean probability, [cells], for logits [networks, cells], which are spoilt."""
    np.clip(logits, -_LOGIT_EDGE, _LOGIT_EDGE, out=logits)
    np.exp(np.negative(logits, out=logits), out=logits)
    logits += 1
    found: Floats = np.reciprocal(logits, out=logits).mean(axis=0)
    return found


def _numbers(probabilities: Floats) -> Floats:
    if np.isnan(probabilities).any():
        raise ValueError("a feature is not a number")
    return probabilities


def _relu(values: Floats, bias: Floats) -> Floats:
    values += bias
    return np.maximum(values, 0, out=values)
