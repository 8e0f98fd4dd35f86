"""Rankings in bulk: the numbers of single questions, in bounded pieces, ties by user and by attribute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feddmf.best import best_places
from feddmf_benchmarks.finished_runs import Size, made_history, made_tower, predictor_of
from feddmf_party import bulk, prediction
from feddmf_party.bulk import Ranked, best_attributes, best_users
from feddmf_party.prediction import Predictor
from support.finished import finished_run, hidden_cells, history_run

Cells = list[tuple[str, str, float]]


def told(predictor: Predictor, parts: list[Ranked]) -> Cells:
    """Return the cells of rankings: user, attribute, score."""
    keys = [each.key for each in predictor.attributes()]
    return [
        (predictor.user_ids[user], keys[attribute], score)
        for part in parts
        for user, attribute, score in zip(part.users, part.attributes, part.scores.tolist(), strict=True)
    ]


def counted() -> tuple[list[int], Callable[[int], object]]:
    """Return a list, and what adds to it."""
    cells: list[int] = []
    return cells, cells.append


def several_owners(path: Path) -> Predictor:
    """Return a run with items of two owners and classes of one column."""
    offered = {"country=FR": (2.0, 0.9, 0.01), "country=DE": (1.0, 0.8, 0.02), "pen": 1.0, "cup": 0.2}
    users = {f"u{number:02}": float(np.sin(number)) for number in range(30)}
    hidden = {"bolt": hidden_cells(60, 40, skill=1.0), "cargo": hidden_cells(60, 40, skill=0.8)}
    return Predictor(history_run(path, users, {"bolt": offered, "cargo": {"pen": -0.4}}, hidden))


MAKERS: dict[str, Callable[[Path], Predictor]] = {
    "tower": lambda _path: predictor_of(made_tower(Size(200, 9))),
    "history": lambda _path: predictor_of(made_history(Size(150, 7, 30, 4))),
    "several owners": lambda path: several_owners(path / "r-1"),
}


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("top", [1, 5, 1000])
def test_rankings_have_the_numbers_of_single_questions(
    kind: str, top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By attribute the best of each column; by user the same cells' numbers; whatever the pieces."""
    predictor = MAKERS[kind](tmp_path)
    attributes = predictor.attributes()
    columns = [(each.key, predictor.column(each).scores) for each in attributes]
    expected = [
        (predictor.user_ids[code], key, float(scores[code]))
        for key, scores in columns
        for code in best_places(scores, top)
    ]
    (block,) = predictor.predict(attributes)
    for name, value in (("_TOGETHER", 2), ("_MOST_PLACES", 64), ("_MOST_USERS", 41)):
        monkeypatch.setattr(bulk, name, value)
    monkeypatch.setattr(prediction, "_BLOCK_CELLS", 60)
    cells, advance = counted()
    found = told(predictor, list(best_users(predictor, attributes, top, advance)))
    assert sum(cells) == predictor.users * len(attributes)
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert [each[2] for each in found] == pytest.approx([each[2] for each in expected], abs=1e-6)

    by_user = told(predictor, list(best_attributes(predictor, attributes, top, advance)))
    assert sum(cells) == 2 * predictor.users * len(attributes)
    for number, user in enumerate(block.users):
        size = min(top, len(attributes))
        own, scores = by_user[number * size : (number + 1) * size], block.probabilities[number]
        order = np.argsort(-scores, kind="stable")[:size]
        assert [each[:2] for each in own] == [(user, attributes[place].key) for place in order]
        assert [each[2] for each in own] == pytest.approx(scores[order].tolist(), abs=1e-6)


def test_ties_are_broken_by_user_and_by_attribute(tmp_path: Path) -> None:
    """Of equal scores the first user stands first, and the attribute that is asked for first."""
    predictor = Predictor(
        finished_run(tmp_path / "r-1", dict.fromkeys("abcd", 1.0), {"bolt": {"pen": 1, "cup": 1}})
    )
    _, advance = counted()
    users = told(predictor, list(best_users(predictor, predictor.attributes(), 2, advance)))
    assert [each[:2] for each in users] == [("a", "pen"), ("b", "pen"), ("a", "cup"), ("b", "cup")]
    attributes = told(predictor, list(best_attributes(predictor, predictor.attributes(), 1, advance)))
    assert [each[:2] for each in attributes] == [(user, "pen") for user in "abcd"]
