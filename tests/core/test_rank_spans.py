"""What trainings by several ranks share: users, spans with averages, and pulls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feddmf.engines.base import Pull
from feddmf.interactions import Interactions
from feddmf.rank_spans import SharedPulls, take_span
from feddmf.ranks import Abandoned, Ranks, users_of_rank
from support.ranks import on_ranks


class _Rank(Ranks):
    """A rank that nobody talks to."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size, self.every = rank, size, 1


def test_users_of_all_ranks_are_all_users() -> None:
    """Each user is with the rank that its code leaves."""
    codes = np.arange(7).repeat(3)
    data = Interactions.from_pairs(codes, (codes * 5 + np.arange(len(codes))) % 9, shape=(7, 9))
    parts = [users_of_rank(data, _Rank(rank, 3)) for rank in range(3)]
    assert [part.users for part in parts] == [3, 2, 2]
    for rank, part in enumerate(parts):
        for place in range(part.users):
            user = rank + 3 * place
            of_part = part.indices[part.indptr[place] : part.indptr[place + 1]]
            assert of_part.tolist() == data.indices[data.indptr[user] : data.indptr[user + 1]].tolist()


def test_a_span_is_taken_in_pieces_with_an_average_after_each() -> None:
    """The last piece is shorter; what each rank adds is averaged before the next piece begins."""

    def work(ranks: Ranks) -> tuple[list[tuple[int, int]], list[float], list[float]]:
        pieces, shared = [], np.zeros(1, dtype=np.float32)

        def take(first: int, last: int) -> tuple[float, int]:
            pieces.append((first, last))
            shared[0] += ranks.rank * 2
            return 0.5, last - first

        found = take_span(ranks, (3, 8, 2), take, [shared], lambda: False)
        return pieces, found.tolist(), shared.tolist()

    assert on_ranks(2, work) == [([(3, 5), (5, 7), (7, 8)], [1.5, 5.0], [3.0])] * 2


def test_a_stopped_span_ends_everywhere() -> None:
    """Rank 0 alone is asked; all leave before the next piece."""

    def work(ranks: Ranks) -> int:
        taken: list[int] = []

        def take(first: int, last: int) -> tuple[float, int]:
            taken.append(first)
            return 0.0, last - first

        with pytest.raises(Abandoned):
            take_span(ranks, (0, 9, 1), take, [], lambda: ranks.is_first and len(taken) == 2)
        return len(taken)

    assert on_ranks(2, work) == [2, 2]


def test_pulls_are_heard_as_they_are_told() -> None:
    """Sizes and scales come with the message, arrays after it."""

    def work(ranks: Ranks) -> list[object]:
        told = Pull(torch.tensor([4, 1]), torch.ones(2, 3), torch.tensor([True, False]), 0.5, 0.25)
        mine = SharedPulls({"items": told})
        heard = mine if ranks.is_first else SharedPulls.told(mine.describe(), width=3)
        heard.share(ranks)
        pull = heard.pulls["items"]
        return [
            pull.codes.tolist(),
            pull.targets.tolist(),
            pull.single_peer.tolist(),
            pull.scale,
            pull.margin,
        ]

    first, second = on_ranks(2, work)
    assert first == second == [[4, 1], [[1.0] * 3] * 2, [True, False], 0.5, 0.25]
