"""Users who came after a run, scored by its history tower from the items that they have; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.history_scoring import HistoryScorer
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.members.peer_maps import PeerMaps
from feddmf.user_attributes import without_items

__all__ = ["scorer_of_new_users"]

Arrays = Mapping[str, npt.NDArray[Any]]


def scorer_of_new_users(
    arrays: Arrays, data: Interactions, known: HistoryScorer | None = None
) -> HistoryScorer:
    """Return a scorer of the users of `data` by what a member with histories keeps.

    data: the new users' pairs, items by the codes of the run; those of user attributes do not count. Nothing
    is trained: a user of the run with the same items gets the same scores. known: the scorer of the run's own
    users, where there is one: what it knows of all of them is found once. KeyError names a missing array,
    ValueError says where the items are more or fewer than those of the run.
    """
    contexts, products = arrays["contexts"], arrays["products"]
    if data.items != len(contexts):
        raise ValueError(f"{data.items} items, and the run had {len(contexts)}")
    data = without_items(data, np.setdiff1d(np.arange(data.items), products))
    known = known or HistoryScorer.from_arrays(arrays)
    own = history_vectors(data, products, contexts[products], arrays["constant"])
    placed = {
        peer: replace(_maps(arrays, peer).place(data, own, arrays["vectors"]), usual=each.usual_sum)
        for peer, each in known.placed.items()
    }
    activity = np.log1p(data.user_counts()).astype(np.float32)
    return replace(known, own=own, activity=activity, placed=placed)


def _maps(arrays: Arrays, peer: str) -> PeerMaps:
    return PeerMaps(
        arrays[f"map.{peer}.items"],
        arrays[f"map.{peer}.linear"],
        arrays.get(f"map.{peer}.contexts"),
        arrays.get(f"map.{peer}.constant"),
    )
