"""What a party learns from the items that it hid from itself: a head and evidence for each peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.head import FEATURES
from feddmf.head_fitting import fit_head
from feddmf.interactions import Interactions
from feddmf.placed import Placed
from feddmf.randomness import generator
from feddmf.user_attributes import dense_labels

__all__ = ["learn_from_hidden"]

# Evidence of more cells than this is of a sample of the users, all alike likely to be in it: shares of cells
# are the same in the mean, and so are probabilities.
_MOST_CELLS = 2_000_000
# Nearness of own items to hidden ones that is looked at together: 128 MiB.
_MOST_WEIGHTS = 1 << 25


def learn_from_hidden(
    placed: Placed,
    published: npt.NDArray[np.float32],
    codes: npt.NDArray[np.int64],
    data: Interactions,
    activity: npt.NDArray[np.float32],
    *,
    peer: str,
    seed: int,
    threads: int,
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays `head.PEER.*` and `hidden.PEER.*` of what `peer` says of the items `codes` [hidden].

    published: [hidden, columns]; data: the party's whole table, with the truth of these items; activity:
    [users], without them. `hidden.PEER.scores` are those of heads that were fitted on other items. Where
    there is too little to fit a head on, only the hidden items' codes are there.
    """
    found: dict[str, npt.NDArray[Any]] = {f"hidden.{peer}.items": codes}
    users = _sample(data.users, len(codes), generator(seed, "hidden users", peer))
    truth = dense_labels(data.of_users(users), codes)
    columns = np.tile(np.arange(len(codes)), len(users))
    features = _features(placed, users, published, activity, own=data.items)
    fitted = fit_head(features, truth.ravel(), columns, seed=seed, address=peer, threads=threads)
    if fitted is None:
        return found
    found[f"hidden.{peer}.users"] = users
    found[f"hidden.{peer}.scores"] = fitted.out_of_fold.reshape(truth.shape)
    found[f"hidden.{peer}.truth"] = truth.astype(np.uint8)
    return found | _prefixed(f"head.{peer}.", fitted.head.arrays())


def _features(
    placed: Placed,
    users: npt.NDArray[np.int64],
    published: npt.NDArray[np.float32],
    activity: npt.NDArray[np.float32],
    *,
    own: int,
) -> npt.NDArray[np.float32]:
    """Return `placed.features`, some hidden items at a time, so that memory does not grow with own items."""
    step = max(1, _MOST_WEIGHTS // own)
    parts = [
        placed.features(users, published[first : first + step], activity).reshape(
            len(users), -1, len(FEATURES)
        )
        for first in range(0, len(published), step)
    ]
    return np.concatenate(parts, axis=1).reshape(-1, len(FEATURES))


def _sample(users: int, items: int, draws: np.random.Generator) -> npt.NDArray[np.int64]:
    most = max(1, _MOST_CELLS // max(items, 1))
    if users <= most:
        return np.arange(users)
    return np.sort(draws.choice(users, most, replace=False))


def _prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {prefix + name: array for name, array in arrays.items()}
