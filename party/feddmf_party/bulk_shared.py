"""Predictions in bulk by several processes, each of which scores a part of the users; the first has all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.ranks import Ranks
from feddmf_party.bulk import (
    Advance,
    Ranked,
    Scored,
    attributes_at_once,
    best_attributes,
    best_users,
    users_at_once,
)
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Block

__all__ = ["shared_best_attributes", "shared_best_users"]


@dataclass(frozen=True)
class _Part:
    """The users first..last-1 of `whole`, with codes from 0 on."""

    whole: Scored
    first: int
    last: int

    @property
    def users(self) -> int:
        return self.last - self.first

    def predict(self, attributes: Sequence[Attribute]) -> Iterator[Block]:
        yield from self.blocks(attributes, np.arange(self.users))

    def blocks(self, attributes: Sequence[Attribute], codes: npt.NDArray[np.int64]) -> Iterator[Block]:
        yield from self.whole.blocks(attributes, codes + self.first)


def shared_best_users(
    predictor: Scored, attributes: Sequence[Attribute], top: int, advance: Advance, ranks: Ranks
) -> Iterator[Ranked]:
    """Yield what `best_users` does at the first process, and nothing at the others."""
    bounds = [predictor.users * rank // ranks.size for rank in (ranks.rank, ranks.rank + 1)]
    part = _Part(predictor, *bounds)
    step = attributes_at_once(min(top, predictor.users))
    for start in range(0, len(attributes), step):
        asked = attributes[start : start + step]
        users, scores = (
            np.concatenate([each.reshape(len(asked), -1) for each in found], axis=1)
            for found in _collected(best_users(part, asked, top, _ignore), ("users", "scores"), part, ranks)
        )
        if not ranks.is_first:
            continue
        order = np.lexsort((users, -scores))[:, :top]
        users, scores = (np.take_along_axis(each, order, axis=1) for each in (users, scores))
        places = np.arange(start, start + len(asked), dtype=np.int32)
        yield Ranked(users.ravel(), places.repeat(users.shape[1]), scores.ravel())
        advance(predictor.users * len(asked))


def shared_best_attributes(
    predictor: Scored, attributes: Sequence[Attribute], top: int, advance: Advance, ranks: Ranks
) -> Iterator[Ranked]:
    """Yield what `best_attributes` does at the first process, and nothing at the others."""
    step = users_at_once(min(top, len(attributes)))
    names = ("users", "attributes", "scores")
    for start in range(0, predictor.users, step * ranks.size):
        first = min(start + ranks.rank * step, predictor.users)
        part = _Part(predictor, first, min(first + step, predictor.users))
        found = _collected(best_attributes(part, attributes, top, _ignore), names, part, ranks)
        if ranks.is_first:
            yield Ranked(*(np.concatenate(each) for each in found))
            done = min(start + step * ranks.size, predictor.users) - start
            advance(done * len(attributes))


def _collected(
    pieces: Iterator[Ranked], names: Sequence[str], part: _Part, ranks: Ranks
) -> list[list[npt.NDArray[Any]]]:
    """Return for each name the arrays of all ranks; user codes are those of all users."""
    held, collected = list(pieces), []
    for name in names:
        none = np.empty(0, dtype=np.float32 if name == "scores" else np.int32)
        own = np.concatenate([none, *(getattr(each, name) for each in held)])
        collected.append(ranks.collect(own + part.first if name == "users" else own))
    return collected


def _ignore(_: int) -> None:
    """Let the first process tell how far all are."""
