"""A party's folder with a finished run of generated users, whose answers were measured on hidden items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator
from feddmf_benchmarks.finished_runs import OWNER, Made, Size, kept, made_history
from feddmf_party.folder import PartyFolder

__all__ = ["write_party"]

_HIDDEN_ITEMS = 200
# A party keeps so many cells of its hidden items, of a sample of its users.
_HIDDEN_CELLS = 2_000_000


def write_party(folder: Path, size: Size) -> None:
    """Write a party's folder with one finished run of a history tower, measured on hidden items."""
    home = PartyFolder(folder)
    home.create()
    kept(_measured(size), home.runs)


def _measured(size: Size) -> Made:
    """Return a model with a head, and what hidden items say of it: probabilities that are right."""
    made = made_history(size)
    draws = generator(0, "benchmark", "hidden items")
    users = min(size.users, _HIDDEN_CELLS // _HIDDEN_ITEMS)
    logits = draws.normal(-3.5, 1.0, _HIDDEN_ITEMS) + 1.5 * draws.standard_normal((users, _HIDDEN_ITEMS))
    scores = 1 / (1 + np.exp(-logits))
    hidden: dict[str, npt.NDArray[Any]] = {
        "items": np.arange(_HIDDEN_ITEMS),
        "users": np.sort(draws.choice(size.users, users, replace=False)),
        "scores": scores.astype(np.float32),
        "truth": (draws.random(scores.shape) < scores).astype(np.uint8),
    }
    arrays = {
        **made.arrays,
        "contexts": np.zeros((size.items, 1), dtype=np.float32),
        "activity": draws.normal(3.0, 1.0, size.users).astype(np.float32),
        **{f"hidden.{OWNER}.{name}": array for name, array in hidden.items()},
    }
    return Made(arrays, made.published)
