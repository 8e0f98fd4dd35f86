"""Predictions in bulk: each attribute's best users, or each user's best attributes, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from feddmf.best import Best
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Block

__all__ = [
    "Advance",
    "Ranked",
    "Scored",
    "attributes_at_once",
    "best_attributes",
    "best_users",
    "users_at_once",
]

# Attributes that are scored together: what is known of them beside each of the party's own items stays small.
_TOGETHER = 64
# Places of all rankings that are open at once: 64 MiB.
_MOST_PLACES = 1 << 23
# Users whose best attributes are found together.
_MOST_USERS = 1 << 14

Advance = Callable[[int], object]


class Scored(Protocol):
    """Users who can be scored: those of a `Predictor`, or some of them."""

    @property
    def users(self) -> int:
        """How many they are."""
        ...

    def predict(self, attributes: Sequence[Attribute]) -> Iterator[Block]:
        """Yield scores of all of them, block by block."""
        ...

    def blocks(self, attributes: Sequence[Attribute], codes: npt.NDArray[np.int64]) -> Iterator[Block]:
        """Yield scores of the users with these codes [users], block by block, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class Ranked:
    """Chosen cells in the order in which they are told: user codes, places of attributes, scores, [cells]."""

    users: npt.NDArray[np.int32]
    attributes: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


def best_users(
    predictor: Scored, attributes: Sequence[Attribute], top: int, advance: Advance
) -> Iterator[Ranked]:
    """Yield the `top` best users of each attribute, attribute by attribute, best first; ties by user code.

    advance: is told how many more cells have been scored.
    """
    top = min(top, predictor.users)
    step = attributes_at_once(top)
    for start in range(0, len(attributes), step):
        asked, best = attributes[start : start + step], Best(len(attributes[start : start + step]), top)
        for block in predictor.predict(asked):
            best.take(block.probabilities)
            advance(block.probabilities.size)
        users, scores = best.ranked()  # [asked, top]
        places = np.arange(start, start + len(asked), dtype=np.int32)
        yield Ranked(users.ravel(), places.repeat(users.shape[1]), scores.ravel())


def best_attributes(
    predictor: Scored, attributes: Sequence[Attribute], top: int, advance: Advance
) -> Iterator[Ranked]:
    """Yield the `top` best attributes of each user, user by user, best first; ties in the attributes' order.

    advance: is told how many more cells have been scored.
    """
    top = min(top, len(attributes))
    step = users_at_once(top)
    for first in range(0, predictor.users, step):
        codes = np.arange(first, min(first + step, predictor.users))
        best = Best(len(codes), top)
        for start in range(0, len(attributes), _TOGETHER):
            blocks = predictor.blocks(attributes[start : start + _TOGETHER], codes)
            scores = np.concatenate([block.probabilities for block in blocks])  # [codes, asked]
            best.take(scores.T)
            advance(scores.size)
        places, found = best.ranked()  # [codes, top]
        yield Ranked(codes.astype(np.int32).repeat(top), places.ravel(), found.ravel())


def attributes_at_once(top: int) -> int:
    """Return for how many attributes the `top` best users are found together."""
    return max(1, min(_TOGETHER, _MOST_PLACES // max(top, 1)))


def users_at_once(top: int) -> int:
    """Return for how many users the `top` best attributes are found together."""
    return max(1, min(_MOST_USERS, _MOST_PLACES // max(top, 1)))
