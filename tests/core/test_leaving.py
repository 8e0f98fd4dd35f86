"""Users who leave a model take their rows out of every array, and nothing of anybody else's changes."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.leaving import users_in, without_users
from feddmf.scoring import scorer_for
from feddmf.simulation import simulate
from support.runs import small_run

USERS = 40
QUICK: dict[str, Any] = {"training": {"epochs": 1, "batch_size": 256}}
MODELS: dict[str, dict[str, Any]] = {
    "default": {"recipe": "default", **QUICK},
    "once": {"recipe": "default", "alignment": {"method": "once"}, **QUICK},
    "embedding": QUICK,
    "paper": {"recipe": "paper", **QUICK},
    "fedavg": {"protocol": "fedavg", **QUICK},
    "fcf": {"protocol": "fcf", "fcf": {"min_support": 2}},
    "transfer": {"protocol": "transfer"},
}

HIDDEN: dict[str, npt.NDArray[Any]] = {
    "user_vectors": np.arange(8.0).reshape(4, 2),
    "hidden.b.items": np.array([1, 2]),
    "hidden.b.users": np.array([0, 1, 3]),
    "hidden.b.scores": np.array([[0.0, 0.1], [1.0, 1.1], [3.0, 3.1]]),
    "hidden.b.truth": np.array([[0, 0], [1, 1], [0, 1]]),
}


@cache
def model(name: str) -> dict[str, npt.NDArray[Any]]:
    """Return what acme keeps of a small run."""
    run = small_run(2, users=USERS, **MODELS[name])
    members = run.members()
    simulate(run.plan, run.rows, members)
    return dict(members["acme"].model_arrays())


@pytest.mark.parametrize("name", MODELS)
def test_every_array_of_every_model_is_known(name: str) -> None:
    """Nobody leaves: all stays as it is, bit for bit and in its order; everybody leaves: no row is left."""
    arrays = model(name)
    assert users_in(arrays) == USERS
    same = without_users(arrays, np.zeros(USERS, dtype=np.bool_))
    assert list(same) == list(arrays)
    for array, before in zip(same.values(), arrays.values(), strict=True):
        assert (array.dtype, array.tobytes()) == (before.dtype, before.tobytes())
    nobody = without_users(arrays, np.ones(USERS, dtype=np.bool_))
    assert users_in(nobody) == 0
    of_users = {name for name, array in nobody.items() if array.shape != arrays[name].shape}
    of_others = {name: array for name, array in arrays.items() if name not in of_users}
    assert not [name for name, array in of_others.items() if len(array) == USERS]


@pytest.mark.parametrize("name", ["embedding", "paper", "fedavg", "fcf", "transfer"])
def test_those_who_stay_are_scored_as_before(name: str) -> None:
    """By their new codes, to the bit."""
    arrays, gone = model(name), np.arange(USERS) % 3 == 1
    protocol = MODELS[name].get("protocol", "feddmf")
    before, after = (scorer_for(protocol, each) for each in (arrays, without_users(arrays, gone)))
    length = before.vector_length("bolt")
    assert length is not None
    vectors = np.random.default_rng(0).normal(size=(5, length)).astype(np.float32)
    assert after.users == USERS - int(gone.sum())
    np.testing.assert_array_equal(
        after.score(np.arange(after.users), "bolt", vectors),
        before.score(np.flatnonzero(~gone), "bolt", vectors),
    )


def test_histories_close_the_gap() -> None:
    """Each who stays has the items that it had."""
    arrays, gone = model("default"), np.arange(USERS) < 7
    left = without_users(arrays, gone)

    def histories(of: dict[str, npt.NDArray[Any]]) -> list[list[int]]:
        return [part.tolist() for part in np.split(of["histories.items"], of["histories.starts"][1:-1])]

    assert histories(left) == histories(arrays)[7:]
    assert left["histories.starts"][0] == 0
    np.testing.assert_array_equal(left["user_vectors"], arrays["user_vectors"][7:])
    np.testing.assert_array_equal(left["activity"], arrays["activity"][7:])


def test_evidence_loses_the_cells_of_who_leaves() -> None:
    """Codes of those behind move up; who was not in the sample takes nothing out of it."""
    left = without_users(HIDDEN, np.array([False, True, True, False]))
    assert left["hidden.b.users"].tolist() == [0, 1]
    assert left["hidden.b.scores"].tolist() == [[0.0, 0.1], [3.0, 3.1]]
    assert left["hidden.b.truth"].tolist() == [[0, 0], [0, 1]]
    assert left["hidden.b.items"].tolist() == [1, 2]


@given(
    st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=12).flatmap(
        lambda rows: st.tuples(st.just(rows), st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    )
)
def test_one_after_the_other_is_all_at_once(case: tuple[list[set[int]], list[bool]]) -> None:
    """To forget users one by one leaves what it leaves to forget them together."""
    rows, leave = case
    users = [user for user, row in enumerate(rows) for _ in row]
    items = [item for row in rows for item in sorted(row)]
    data = Interactions.from_pairs(np.array(users, int), np.array(items, int), shape=(len(rows), 6))
    arrays: dict[str, npt.NDArray[Any]] = {
        "user_vectors": np.arange(len(rows), dtype=np.float32)[:, None],
        "histories.starts": data.indptr,
        "histories.items": data.indices,
    }
    gone = np.array(leave)
    together, one_by_one = without_users(arrays, gone), dict(arrays)
    for user in np.flatnonzero(gone)[::-1]:
        one_by_one = without_users(one_by_one, np.arange(users_in(one_by_one)) == user)
    for name, array in together.items():
        np.testing.assert_array_equal(one_by_one[name], array)


def test_what_nobody_knows_is_not_kept_by_chance() -> None:
    """An array of another version may hold users; a file that does not fit together is no model."""
    with pytest.raises(InputError, match="array 'notes', and nobody knows whether users are in it"):
        without_users({**HIDDEN, "notes": np.zeros(4)}, np.zeros(4, dtype=np.bool_))
    for broken in ({}, {"items": np.zeros(3)}, {**HIDDEN, "activity": np.zeros(3)}):
        with pytest.raises(InputError, match="no model of users"):
            users_in(broken)
