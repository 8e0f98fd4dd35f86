"""Folders of finished runs with a model that can be scored by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.view import ViewItem
from feddmf.head import FEATURES, Head
from feddmf.payload import Payload
from feddmf_party.run_folder import RunFolder

__all__ = ["finished_run", "hidden_cells", "history_model", "history_run", "keep_peer", "logit_model"]

Floats = npt.NDArray[np.float32]


def logit_model(affinities: list[float]) -> dict[str, Floats]:
    """Return a model of dimension 1 whose logit for user u and vector v is |affinity of u + v|.

    One hidden unit takes the sum, another its negative, and both count one.
    """
    both = np.array([[1], [-1]], dtype=np.float32)
    return {
        "tower.vectors": np.array(affinities, dtype=np.float32)[:, None],
        "items": np.zeros((1, 1), dtype=np.float32),
        "user_weight": both,
        "item_weight": both,
        "bias": np.zeros(2, dtype=np.float32),
        "out_weight": np.ones(2, dtype=np.float32),
        "out_bias": np.zeros(1, dtype=np.float32),
    }


def keep_peer(folder: RunFolder, party: str, items: dict[str, float]) -> None:
    """Keep what a peer published: a vector of one number for each key."""
    vectors = np.array(list(items.values()), dtype=np.float32).reshape(-1, 1)
    folder.save_peer(party, [(key, key.upper()) for key in items], Payload({"vectors": vectors}))


def finished_run(path: Path, users: dict[str, float], peers: dict[str, dict[str, float]]) -> RunFolder:
    """Return the folder of a finished run with `users` (id: affinity) and what `peers` published."""
    folder = RunFolder(path)
    folder.save_model(logit_model(list(users.values())), list(users))
    for party, items in peers.items():
        keep_peer(folder, party, items)
    folder.finish({"run": path.name, "plan": {"settings": {"protocol": "feddmf"}}})
    return folder


Cells = tuple[Floats, npt.NDArray[np.bool_]]


def hidden_cells(users: int, items: int, *, skill: float, seed: int = 0) -> Cells:
    """Return probabilities and truth of hidden cells, [users, items]; about a tenth are true.

    skill: the share of cells whose truth is drawn by their probability; that of others is drawn at random.
    """
    draws = np.random.default_rng(seed)
    taste, appeal = draws.normal(size=(users, 1)), draws.normal(size=(1, items))
    logits = 1.2 * (taste + appeal) + draws.normal(size=(users, items)) - 3.5
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    chance = np.where(draws.random(scores.shape) < skill, scores, scores.mean())
    return scores, draws.random(scores.shape) < chance


def history_model(
    affinities: list[float], hidden: Mapping[str, Cells], *, threshold: float = 0.5
) -> dict[str, npt.NDArray[Any]]:
    """Return a history model of dimension 1 whose logit for user u and vector v is affinity of u * v.

    For each peer a head that takes the logit as it is, and what was found on hidden items. Rows are published
    as vector, intercept, weight of activity, linear target; activity is 1, a linear score 0.
    """
    own = np.array(affinities, dtype=np.float32)[:, None]
    arrays: dict[str, npt.NDArray[Any]] = {
        "user_vectors": own,
        "activity": np.ones(len(own), dtype=np.float32),
        "contexts": np.ones((2, 1), dtype=np.float32),
        "constant": np.zeros(1, dtype=np.float32),
        "products": np.arange(2),
        "vectors": np.ones((2, 1), dtype=np.float32),
        "histories.starts": np.zeros(len(own) + 1, dtype=np.int64),
        "histories.items": np.zeros(0, dtype=np.int32),
    }
    for peer, (scores, truth) in hidden.items():
        arrays |= {
            f"linear.{peer}": np.zeros_like(own),
            f"map.{peer}.items": np.arange(1),
            f"map.{peer}.linear": np.zeros((1, 1), dtype=np.float32),
            f"hidden.{peer}.items": np.arange(scores.shape[1]),
        }
        if not truth.any():
            continue
        arrays |= {
            f"hidden.{peer}.users": np.arange(len(scores)),
            f"hidden.{peer}.scores": scores,
            f"hidden.{peer}.truth": truth.astype(np.uint8),
        }
        arrays |= {f"head.{peer}.{name}": array for name, array in _plain_head(threshold).arrays().items()}
    return arrays


def history_run(
    path: Path,
    users: dict[str, float],
    peers: dict[str, dict[str, float | tuple[float, float, float]]],
    hidden: Mapping[str, Cells],
) -> RunFolder:
    """Return a finished run with histories; what peers published is a number for an item.

    For a user attribute it is the intercept, with the ROC-AUC and standard error that the owner tells.
    """
    folder = RunFolder(path)
    names = [f"own-{number}" for number in range(2)]
    items = [ViewItem(key=key, label=key.upper(), local_id=f"local {key}", peers=()) for key in names]
    folder.save_model(history_model(list(users.values()), hidden), list(users), items)
    for party, offered in peers.items():
        vectors = np.zeros((len(offered), 4), dtype=np.float32)
        quality = np.zeros((len(offered), 3), dtype=np.float32)
        for row, each in enumerate(offered.values()):
            if isinstance(each, tuple):
                vectors[row, 1], quality[row] = each[0], (1, *each[1:])
            else:
                vectors[row, 0] = each
        labels = [(key, key.upper()) for key in offered]
        folder.save_peer(party, labels, Payload({"vectors": vectors, "quality": quality}))
    settings = {"protocol": "feddmf", "model": {"tower": "history"}, "alignment": {"hidden_share": 0.1}}
    folder.finish({"run": path.name, "plan": {"settings": settings}})
    return folder


def _plain_head(threshold: float) -> Head:
    empty = np.zeros((1, 0), dtype=np.float32)
    return Head(
        threshold=threshold,
        centre=np.zeros(len(FEATURES), dtype=np.float32),
        factor=np.ones(len(FEATURES), dtype=np.float32),
        linear_weight=np.eye(1, len(FEATURES), dtype=np.float32),
        out_bias=np.zeros(1, dtype=np.float32),
        first_weight=np.zeros((1, 0, len(FEATURES)), dtype=np.float32),
        first_bias=empty,
        second_weight=np.zeros((1, 0, 0), dtype=np.float32),
        second_bias=empty,
        out_weight=empty,
    )
