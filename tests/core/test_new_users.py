"""New users: scored from their items alone, exactly as users of the run with the same items."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.history_scoring import HistoryScorer
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.members.peer_maps import PeerMaps
from feddmf.new_users import scorer_of_new_users
from feddmf.user_attributes import without_items

ITEMS, DIM, COLUMNS = 7, 3, 2
# The last item is a user attribute.
PRODUCTS = np.arange(ITEMS - 1)
DATA = Interactions.from_pairs(
    np.array([0, 0, 0, 1, 1, 2, 2, 3]), np.array([0, 2, 6, 1, 3, 4, 5, 6]), shape=(4, ITEMS)
)


def floats(*shape: int) -> npt.NDArray[np.float32]:
    """Return numbers of either sign, other ones for each shape."""
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


def kept_arrays(*, once: bool) -> dict[str, npt.NDArray[Any]]:
    """Return what a member keeps of the users of DATA; with a tower of the peer's own where `once`."""
    data = without_items(DATA, np.array([ITEMS - 1]))
    contexts, constant, vectors = floats(ITEMS, DIM), floats(DIM), 1 + floats(ITEMS, DIM)
    own = history_vectors(data, PRODUCTS, contexts[PRODUCTS], constant)
    theirs = (floats(3, DIM), floats(1, DIM)[0]) if once else (None, None)
    maps = PeerMaps(np.array([0, 2, 4]), floats(3, COLUMNS), *theirs)
    placed = maps.place(data, own, vectors)
    arrays: dict[str, npt.NDArray[Any]] = {
        "user_vectors": own,
        "activity": np.log1p(data.user_counts()).astype(np.float32),
        "contexts": contexts,
        "constant": constant,
        "products": PRODUCTS,
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


@pytest.mark.parametrize("once", [False, True])
def test_a_user_with_the_same_items_gets_the_same_scores(*, once: bool) -> None:
    """For items and user attributes, in any company: popularity stays that among the users of the run."""
    arrays, published = kept_arrays(once=once), floats(5, DIM + 2 + COLUMNS)
    known, new = HistoryScorer.from_arrays(arrays), scorer_of_new_users(arrays, DATA)
    alone = Interactions.from_pairs(np.array([0, 0]), np.array([1, 3]), shape=(1, ITEMS))
    lone = scorer_of_new_users(arrays, alone)
    for name in ("score", "score_user_attributes"):
        expected = getattr(known, name)(np.arange(4), "bolt", published)
        np.testing.assert_allclose(getattr(new, name)(np.arange(4), "bolt", published), expected, atol=1e-6)
        np.testing.assert_allclose(
            getattr(lone, name)(np.arange(1), "bolt", published), expected[1:2], atol=1e-6
        )
    assert new.vector_length("bolt") == known.vector_length("bolt") == DIM + 2 + COLUMNS


def test_user_attributes_are_no_items() -> None:
    """A pair of a user attribute changes nothing: the user of that pair alone has no item."""
    new = scorer_of_new_users(kept_arrays(once=False), DATA)
    assert new.activity.tolist() == pytest.approx(np.log1p([2, 2, 2, 0]))
    np.testing.assert_allclose(new.own[3], np.tanh(floats(DIM)), rtol=1e-6)


def test_other_items_are_refused() -> None:
    """Codes of another catalogue would mean other items."""
    other = Interactions.from_pairs(np.array([0]), np.array([0]), shape=(1, ITEMS + 1))
    with pytest.raises(ValueError, match="8 items, and the run had 7"):
        scorer_of_new_users(kept_arrays(once=False), other)
