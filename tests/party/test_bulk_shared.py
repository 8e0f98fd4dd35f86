"""Predictions in bulk by several processes: the same rankings as by one, at the first of them."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.ranks import Ranks
from feddmf_benchmarks.finished_runs import Size, made_history, predictor_of
from feddmf_party import bulk
from feddmf_party.bulk import Ranked, best_attributes, best_users
from feddmf_party.bulk_shared import shared_best_attributes, shared_best_users
from support.ranks import on_ranks

WAYS = {"users": (best_users, shared_best_users), "attributes": (best_attributes, shared_best_attributes)}
Cells = list[tuple[int, int, float]]


def cells(parts: list[Ranked]) -> Cells:
    """Return the chosen cells in their order."""
    return [
        cell
        for part in parts
        for cell in zip(part.users.tolist(), part.attributes.tolist(), part.scores.tolist(), strict=True)
    ]


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize(("users", "top"), [(2, 1), (50, 1), (50, 4), (50, 1000)])
def test_several_processes_choose_what_one_does(
    way: str, users: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the pieces, and where there are fewer users than processes too; cells are counted once."""
    monkeypatch.setattr(bulk, "_TOGETHER", 3)
    monkeypatch.setattr(bulk, "_MOST_USERS", 7)
    predictor = predictor_of(made_history(Size(users, 7, 30, 4)))
    attributes = predictor.attributes()
    alone, shared = WAYS[way]
    expected = cells(list(alone(predictor, attributes, top, lambda _: None)))
    counted: list[int] = []

    def work(ranks: Ranks) -> Cells:
        return cells(list(shared(predictor, attributes, top, counted.append, ranks)))

    first, *others = on_ranks(3, work)
    assert [each[:2] for each in first] == [each[:2] for each in expected]
    np.testing.assert_allclose([each[2] for each in first], [each[2] for each in expected], rtol=1e-5)
    assert others == [[], []]
    assert sum(counted) == users * len(attributes)
