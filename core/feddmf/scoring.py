"""Scores of a party's users for the item vectors of a peer, without torch, for each protocol's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feddmf.projections import Projection
from feddmf.user_rows import UserRows, how_many, part_of, user_rows

__all__ = [
    "SCORE_KINDS",
    "DeepMFScorer",
    "FactorScorer",
    "LinearScorer",
    "Scorer",
    "Scores",
    "scorer_for",
    "sigmoid",
]

# What the scores of each protocol's models are.
SCORE_KINDS: Mapping[str, str] = MappingProxyType(
    {"feddmf": "probability", "fedavg": "probability", "fcf": "preference", "transfer": "linear score"}
)

Floats = npt.NDArray[np.floating]
Codes = npt.NDArray[np.integer]
Scores = Callable[[UserRows], npt.NDArray[np.float32]]
"""From user codes, or a slice of them, to scores in [0, 1], float32 [users, items]."""

# Hidden activations computed at once: they stay in a core's cache.
_BLOCK_FLOATS = 1 << 17
# From so many on, a compiled kernel saves more than it takes to load.
_COMPILED_FLOATS = 1 << 25
# Users whose cells the kernel computes in one call.
_COMPILED_USERS = 1 << 16
# Up to so many items, users whose projections were not kept are scored while they are projected.
_SPLIT_ITEMS = 16
# Linear scores nearer to 0 or 1 than this, or beyond, are bent back.
_EDGE = np.float32(1 / 32)


class Scorer(Protocol):
    """Scores a party's own users, by user code."""

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        ...

    def vector_length(self, owner: str) -> int | None:
        """Return the length of vectors that `owner` publishes; None where the model cannot score these."""
        ...

    def prepare(self, owner: str, vectors: Floats) -> Scores:
        """Return what scores users for `vectors` [items, length] that `owner` published.

        All that does not depend on the users is computed once, here.
        """
        ...

    def score(self, users: Codes, owner: str, vectors: Floats) -> npt.NDArray[np.float32]:
        """Return scores in [0, 1], float32 [users, items]; vectors: [items, length], published by `owner`."""
        return self.prepare(owner, vectors)(users)


def scorer_for(protocol: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Scorer:
    """Return the scorer of a model that a member of `protocol` trained; KeyError names a missing array."""
    if protocol == "fcf":
        return FactorScorer(arrays["user_factors"])
    if protocol == "transfer":
        return LinearScorer.from_arrays(arrays)
    if "user_vectors" in arrays:
        from feddmf.history_scoring import HistoryScorer

        return HistoryScorer.from_arrays(arrays)
    return DeepMFScorer.from_arrays(arrays)


@dataclass(frozen=True, eq=False)
class DeepMFScorer(Scorer):
    """Eq. 1 of the FedDMF paper, each side projected once; see `feddmf.model` for the shapes.

    projected: what `projection` gives for all users, where it was kept; else computed for each query.
    """

    user_vectors: Floats  # [users, dim]
    user_weight: Floats  # [hidden, dim]
    item_weight: Floats  # [hidden, dim]
    bias: Floats  # [hidden]
    out_weight: Floats  # [hidden]
    out_bias: Floats  # [1]
    projected: npt.NDArray[np.float32] | None = None  # [users, hidden]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> DeepMFScorer:
        """Take the arrays of a model with an id tower."""
        return cls(
            user_vectors=arrays["tower.vectors"],
            user_weight=arrays["user_weight"],
            item_weight=arrays["item_weight"],
            bias=arrays["bias"],
            out_weight=arrays["out_weight"],
            out_bias=arrays["out_bias"],
        )

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self.user_vectors)

    @property
    def projection(self) -> Projection:
        """The users' half of the first layer, which depends on no item."""
        return Projection(self.user_vectors, self.user_weight, self.bias)

    def vector_length(self, owner: str) -> int:  # noqa: ARG002  (all peers' vectors mean the same)
        """Return the length of item vectors, whoever publishes them."""
        return int(self.item_weight.shape[1])

    def prepare(self, owner: str, vectors: Floats) -> Scores:  # noqa: ARG002
        """Return what gives probabilities for vectors [items, dim], whoever published them."""
        items = np.ascontiguousarray(vectors @ self.item_weight.T, dtype=np.float32)  # [items, hidden]

        def scores(users: UserRows) -> npt.NDArray[np.float32]:
            logits = np.empty((how_many(users), len(items)), dtype=np.float32)
            compute = self._compiled if len(logits) * items.size >= _COMPILED_FLOATS else self._by_numpy
            compute(user_rows(users), items, logits)
            return logits

        return scores

    def _projected(self, users: UserRows) -> npt.NDArray[np.float32]:
        return self.projection.of(users) if self.projected is None else self.projected[users]

    def _by_numpy(self, users: UserRows, items: Floats, logits: npt.NDArray[np.float32]) -> None:
        step = max(1, _BLOCK_FLOATS // max(1, items.size))
        for start in range(0, len(logits), step):
            projected = self._projected(part_of(users, start, start + step))
            hidden = projected[:, None, :] + items  # [step, items, hidden]
            np.maximum(hidden, 0, out=hidden)
            logits[start : start + step] = hidden @ self.out_weight + self.out_bias
        sigmoid(logits)

    def _compiled(self, users: UserRows, items: Floats, logits: npt.NDArray[np.float32]) -> None:
        from feddmf.kernels.scoring import Split, split_logits, tower_logits

        first, bias, last = (
            np.ascontiguousarray(np.atleast_2d(each), dtype=np.float32)
            for each in (self.user_weight, self.bias, self.out_weight)
        )
        layers = Split(first, bias, last, float(self.out_bias[0]))
        at_once = self.projected is None and len(items) <= _SPLIT_ITEMS
        for start in range(0, len(logits), _COMPILED_USERS):
            part = part_of(users, start, start + _COMPILED_USERS)
            out = logits[start : start + _COMPILED_USERS]
            if at_once:
                split_logits(np.ascontiguousarray(self.user_vectors[part], np.float32), layers, items, out)
            else:
                tower_logits(self._projected(part), items, last[0], layers.out_bias, out)
            sigmoid(out)


@dataclass(frozen=True, eq=False)
class FactorScorer(Scorer):
    """Implicit-feedback factors: the preference x . y, kept within [0, 1]."""

    user_factors: Floats  # [users, rank]

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self.user_factors)

    def vector_length(self, owner: str) -> int:  # noqa: ARG002  (all peers' factors mean the same)
        """Return the length of item factors, whoever publishes them."""
        return int(self.user_factors.shape[1])

    def prepare(self, owner: str, vectors: Floats) -> Scores:  # noqa: ARG002
        """Return what gives preferences in [0, 1]; no probabilities in the strict sense."""
        return lambda users: _within_one(self.user_factors[user_rows(users)] @ vectors.T)


@dataclass(frozen=True, eq=False)
class LinearScorer(Scorer):
    """Linear transfer: the sum of a peer's context vectors over a user's matched items, times a target."""

    contexts: Mapping[str, Floats]  # by peer: [users, rank]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> LinearScorer:
        """Take the arrays `users.PEER`; KeyError where there is none."""
        contexts = {
            name.removeprefix("users."): each for name, each in arrays.items() if name.startswith("users.")
        }
        if not contexts:
            raise KeyError("users.PEER")
        return cls(contexts)

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(next(iter(self.contexts.values())))

    def vector_length(self, owner: str) -> int | None:
        """Return the length of the target vectors of `owner`; None where no item was shared with it."""
        return self.contexts[owner].shape[1] if owner in self.contexts else None

    def prepare(self, owner: str, vectors: Floats) -> Scores:
        """Return what gives linear scores kept within [0, 1]; no probabilities in the strict sense."""
        contexts = self.contexts[owner]
        return lambda users: _within_one(contexts[user_rows(users)] @ vectors.T)


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the probabilities of `logits`, in their place."""
    with np.errstate(over="ignore"):  # exp of a very negative logit overflows to a probability of 0
        np.exp(np.negative(logits, out=logits), out=logits)
    logits += np.float32(1)
    probabilities: npt.NDArray[np.float32] = np.reciprocal(logits, out=logits)
    return probabilities


def _within_one(scores: Floats) -> npt.NDArray[np.float32]:
    """Return scores in [0, 1] in the order of `scores`: as they are, but for the ends, which level off.

    To cut them would make equals of the best users for a popular item.
    """
    within = scores.astype(np.float32)
    low, high = within < _EDGE, within > 1 - _EDGE
    within[low] = _EDGE * np.exp(within[low] / _EDGE - 1)
    within[high] = 1 - _EDGE * np.exp((1 - within[high]) / _EDGE - 1)
    return within
