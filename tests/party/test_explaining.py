"""Why a user has a score: what it would be without an item is what a user without that item gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.catalogue.view import ViewItem
from feddmf.errors import CatalogueError, DataError
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.members.peer_maps import PeerMaps
from feddmf.payload import Payload
from feddmf_party import explaining
from feddmf_party.explaining import Explanation, explain
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from support.finished import finished_run

ITEMS, DIM = 6, 2
# Bob is ann without item 1, cat without items 1 and 3; the last item is a user attribute.
HISTORIES = {"ann": (0, 1, 3, 5), "bob": (0, 3, 5), "cat": (0,), "dan": (), "eve": (5,)}
MATCHED = np.array([0, 1])


def draw(*shape: int) -> npt.NDArray[np.float32]:
    """Return numbers of either sign, other ones for each shape."""
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


def kept_arrays(*, once: bool = False) -> dict[str, npt.NDArray[Any]]:
    """Return what a member keeps of the users of HISTORIES; once: bolt has a tower of its own."""
    pairs = [(user, item) for user, has in enumerate(HISTORIES.values()) for item in has if item < ITEMS - 1]
    users, items = np.array(pairs).T
    data = Interactions.from_pairs(users, items, shape=(len(HISTORIES), ITEMS))
    contexts, constant, products = draw(ITEMS, DIM), draw(DIM), np.arange(ITEMS - 1)
    vectors = 1 + draw(ITEMS, DIM)
    own = history_vectors(data, products, contexts[products], constant)
    theirs = (draw(len(MATCHED), DIM), draw(1, DIM)[0]) if once else (None, None)
    maps = PeerMaps(MATCHED, np.abs(draw(len(MATCHED), DIM)), *theirs)
    placed = maps.place(data, own, vectors)
    arrays: dict[str, npt.NDArray[Any]] = {
        "user_vectors": own,
        "activity": np.log1p(data.user_counts()).astype(np.float32),
        "contexts": contexts,
        "constant": constant,
        "products": products,
        "vectors": vectors,
        "histories.starts": data.indptr,
        "histories.items": data.indices,
        "linear.bolt": placed.sums,
        "map.bolt.items": maps.codes,
        "map.bolt.linear": maps.linear,
    }
    if maps.contexts is not None and maps.constant is not None:
        arrays |= {
            "user_vectors.bolt": placed.vectors,
            "map.bolt.contexts": maps.contexts,
            "map.bolt.constant": maps.constant,
        }
    return arrays


@pytest.fixture
def questions(tmp_path: Path) -> Questions:
    """Questions to a run with the users of HISTORIES; bolt published an item and a user attribute."""
    return kept_run(tmp_path / "r-1", kept_arrays())


def kept_run(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> Questions:
    """Keep such a run, and return questions to it."""
    folder = RunFolder(path)
    names = [f"own-{code}" for code in range(ITEMS)]
    items = [ViewItem(key=name, label=name.upper(), local_id=name, peers=()) for name in names]
    folder.save_model(arrays, list(HISTORIES), items)
    published = {
        "vectors": np.abs(draw(2, 2 * DIM + 2)),
        "quality": np.array([[0, 0, 0], [1, 0.8, 0.02]], dtype=np.float32),
    }
    folder.save_peer("bolt", [("pen", "Pen"), ("gold=yes", "Gold")], Payload(published))
    folder.finish({"run": "r-1", "plan": {"settings": {"protocol": "feddmf"}}})
    return Questions(folder)


def scores(questions: Questions, key: str) -> dict[str, float]:
    """Return everybody's score."""
    (block,) = questions.scores([questions.attribute(key)])
    return dict(zip(block.users.tolist(), block.probabilities[:, 0].tolist(), strict=True))


def effects(found: Explanation) -> dict[str, float]:
    """Return the effect of each item that is named."""
    return {each.key: each.effect for each in (*found.supporting, *found.opposing)}


@pytest.mark.parametrize("key", ["pen", "gold=yes"])
def test_without_an_item_the_score_is_that_of_who_lacks_it(questions: Questions, key: str) -> None:
    """Bob has all of ann's items but one; effects add up to nothing, and are named by size."""
    every = scores(questions, key)
    found = explain(questions, "ann", key, anyway=True)
    named = {each.key: each for each in (*found.supporting, *found.opposing)}
    assert set(named) == {"own-0", "own-1", "own-3"}
    assert (found.score, found.items, found.considered) == (every["ann"], 3, 3)
    assert named["own-1"].score_without == pytest.approx(every["bob"], abs=1e-6)
    assert named["own-1"].effect == pytest.approx(every["ann"] - every["bob"], abs=1e-6)
    assert [each.effect for each in found.supporting] == sorted(
        (effect for effect in effects(found).values() if effect > 0), reverse=True
    )
    assert all(each.effect < 0 for each in found.opposing)
    assert [named[f"own-{code}"].matched_with for code in (0, 1, 3)] == [("bolt",), ("bolt",), ()]
    assert named["own-1"].label == "OWN-1"


def test_without_all_that_support_it_the_score_is_that_of_who_has_the_others(questions: Questions) -> None:
    """Bob without his only item that raises the score has what is left."""
    found = explain(questions, "bob", "pen", anyway=True)
    assert len(found.supporting) + len(found.opposing) == 2
    if len(found.supporting) == 1:
        expected = found.supporting[0].score_without
    else:
        expected = scores(questions, "pen")["dan"] if found.supporting else None
    assert found.score_without_supporting == pytest.approx(expected, abs=1e-6)


def test_similarity_is_the_cosine_in_the_space_of_the_item(questions: Questions) -> None:
    """For items alone: a user attribute's weights are no place in it."""
    arrays, attribute = questions.predictor.arrays, questions.attribute("pen")
    own, asked = arrays["vectors"][0], attribute.vectors[0][:DIM]
    expected = own @ asked / np.linalg.norm(own) / np.linalg.norm(asked)
    (only,) = [
        each
        for part in [explain(questions, "cat", "pen", anyway=True)]
        for each in (*part.supporting, *part.opposing)
    ]
    assert only.similarity == pytest.approx(float(expected), abs=1e-6)
    gold = explain(questions, "cat", "gold=yes", anyway=True)
    assert [each.similarity for each in (*gold.supporting, *gold.opposing)] == [None]


def test_a_peer_with_a_tower_of_its_own_has_effects_and_no_similarity(tmp_path: Path) -> None:
    """Its vectors are in another space than the party's; the scores without items are exact all the same."""
    questions = kept_run(tmp_path / "r-1", kept_arrays(once=True))
    found = explain(questions, "ann", "pen", anyway=True)
    named = {each.key: each for each in (*found.supporting, *found.opposing)}
    assert {each.similarity for each in named.values()} == {None}
    assert named["own-1"].score_without == pytest.approx(scores(questions, "pen")["bob"], abs=1e-6)


def test_of_very_many_items_the_nearest_are_left_out(
    questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said how many there are; no more are named than asked for."""
    monkeypatch.setattr(explaining, "_MOST_CONSIDERED", 2)
    whole = explain(questions, "ann", "pen", anyway=True)
    assert (whole.items, whole.considered) == (3, 2)
    few = explain(questions, "ann", "gold=yes", anyway=True, top=1)
    assert max(len(few.supporting), len(few.opposing)) <= 1
    monkeypatch.setattr(explaining, "_MOST_CONSIDERED", 3)
    every = {each.key: each.similarity for part in [explain(questions, "ann", "pen", anyway=True)]
             for each in (*part.supporting, *part.opposing)}  # fmt: skip
    farthest = min(every, key=lambda key: every[key] or 0)
    assert farthest not in effects(whole)


@pytest.mark.parametrize("user", ["dan", "eve"])
def test_who_has_no_item_that_counts_is_told_so(questions: Questions, user: str) -> None:
    """Without any, or with a user attribute alone."""
    found = explain(questions, user, "pen", anyway=True)
    assert (found.items, found.supporting, found.opposing, found.score_without_supporting) == (
        0,
        (),
        (),
        None,
    )
    assert "no item that counts" in found.why_not


def test_a_model_without_histories_says_that_it_cannot_tell(tmp_path: Path) -> None:
    """Its score is told all the same."""
    questions = Questions(finished_run(tmp_path / "plain", {"ann": 1.0}, {"bolt": {"pen": 1.0}}))
    found = explain(questions, "ann", "pen", anyway=True)
    assert found.score == scores(questions, "pen")["ann"]
    assert (found.items, found.supporting) == (None, ())
    assert "keeps one vector for each user" in found.as_dict()["why_not"]


def test_who_or_what_is_not_there_is_named(questions: Questions) -> None:
    """Before anything is computed."""
    with pytest.raises(DataError, match="user 'zoe' was not in"):
        explain(questions, "zoe", "pen", anyway=True)
    with pytest.raises(CatalogueError, match="no peer published an attribute 'pan'"):
        explain(questions, "ann", "pan")
