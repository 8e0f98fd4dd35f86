"""Folders of finished runs with a model that can be scored by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.payload import Payload
from feddmf_party.run_folder import RunFolder

__all__ = ["finished_run", "keep_peer", "logit_model"]

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
