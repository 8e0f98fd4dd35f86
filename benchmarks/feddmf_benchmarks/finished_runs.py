"""Finished runs with models drawn at random, in the sizes that scoring is measured at."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.head import FEATURES, Head
from feddmf.payload import Payload
from feddmf.randomness import generator
from feddmf_party.prediction import Predictor, load_scorer
from feddmf_party.run_folder import RunFolder

__all__ = ["OWNER", "Made", "Size", "kept", "made_history", "made_tower", "predictor_of", "unasked"]

Arrays = Mapping[str, npt.NDArray[Any]]

OWNER = "owner"
_DIM = 32
_HIDDEN = 64
_HISTORY_DIM = 64
_NETWORKS, _WIDTH = 5, 16


@dataclass(frozen=True)
class Size:
    """users of a party, attributes that a peer published; items, per_user: of the party, for histories."""

    users: int
    attributes: int
    items: int = 0
    per_user: int = 0

    def __str__(self) -> str:
        history = f", {self.per_user} of {self.items:,} items each" if self.per_user else ""
        return f"{self.users:,} x {self.attributes:,}{history}"


@dataclass(frozen=True, eq=False)
class Made:
    """A model's arrays, and the vectors that OWNER published, float32 [attributes, length]."""

    arrays: Arrays
    published: npt.NDArray[np.float32]


def made_tower(size: Size) -> Made:
    """Return a model with a vector a user, and a layer of 64 units."""
    draws = generator(0, "benchmark", "tower")

    def drawn(*shape: int) -> npt.NDArray[np.float32]:
        return draws.standard_normal(shape, dtype=np.float32) * np.float32(0.3)

    arrays = {
        "tower.vectors": drawn(size.users, _DIM),
        "items": drawn(1, _DIM),
        "user_weight": drawn(_HIDDEN, _DIM),
        "item_weight": drawn(_HIDDEN, _DIM),
        "bias": drawn(_HIDDEN),
        "out_weight": drawn(_HIDDEN),
        "out_bias": drawn(1),
    }
    return Made(arrays, drawn(size.attributes, _DIM))


def made_history(size: Size) -> Made:
    """Return a model with a history tower and a head; users have `per_user` items each, low codes most."""
    draws = generator(0, "benchmark", "history")

    def drawn(*shape: int) -> npt.NDArray[np.float32]:
        return draws.standard_normal(shape, dtype=np.float32) * np.float32(0.3)

    layers = (_NETWORKS, _WIDTH)
    head = Head(
        threshold=0.5,
        centre=drawn(len(FEATURES)),
        factor=np.ones(len(FEATURES), dtype=np.float32),
        linear_weight=drawn(_NETWORKS, len(FEATURES)),
        out_bias=drawn(_NETWORKS),
        first_weight=drawn(*layers, len(FEATURES)),
        first_bias=drawn(*layers),
        second_weight=drawn(*layers, _WIDTH),
        second_bias=drawn(*layers),
        out_weight=drawn(*layers),
    )
    popular = draws.random((size.users, size.per_user), dtype=np.float32) ** 2
    arrays: dict[str, npt.NDArray[Any]] = {
        "user_vectors": drawn(size.users, _HISTORY_DIM),
        "activity": np.full(size.users, np.log1p(size.per_user), dtype=np.float32),
        "histories.starts": np.arange(size.users + 1, dtype=np.int64) * size.per_user,
        "histories.items": (popular * size.items).astype(np.int32).ravel(),
        "vectors": drawn(size.items, _HISTORY_DIM),
        f"linear.{OWNER}": drawn(size.users, _HISTORY_DIM),
        **{f"head.{OWNER}.{name}": array for name, array in head.arrays().items()},
    }
    return Made(arrays, drawn(size.attributes, 2 * _HISTORY_DIM + 2))


def predictor_of(made: Made) -> Predictor:
    """Return what predicts from a run with this model."""
    with TemporaryDirectory() as folder:
        return Predictor(kept(made, Path(folder)))


def kept(made: Made, folder: Path) -> RunFolder:
    """Keep a finished run with this model in a new folder within `folder`."""
    users = len(made.arrays["tower.vectors" if "tower.vectors" in made.arrays else "user_vectors"])
    run = RunFolder(folder / "made")
    run.save_model(made.arrays, [f"u{code:09}" for code in range(users)])
    items = [(f"a{number:06}", "") for number in range(len(made.published))]
    run.save_peer(OWNER, items, Payload({"vectors": made.published}))
    run.finish({"run": "made", "plan": {"settings": {"protocol": "feddmf"}}})
    return run


def unasked(predictor: Predictor, run: RunFolder) -> Predictor:
    """Return the predictor of `run` as it was when that had been loaded, with nothing kept of queries."""
    found = copy(predictor)
    # To load all of it again takes seconds.
    found._scorer = load_scorer(run, "feddmf", predictor.arrays)  # noqa: SLF001
    return found
