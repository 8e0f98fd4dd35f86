"""The variants of the history tower by name: where each differs from the product's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from feddmf.history_vectors import SCALE

__all__ = ["VARIANTS", "Variant"]


@dataclass(frozen=True)
class Variant:
    """A history tower; the defaults are the product's."""

    loss: Literal["cells", "softmax", "both"] = "cells"
    """Binary cross-entropy of all cells, a softmax over a user's items, or the one and .1 of the other."""
    tanh: bool = True
    """Whether user vectors go through tanh."""
    scale: float = SCALE
    """What the sum of context vectors is multiplied with."""
    id_rate: float = 0.0
    """Learning rate of a free vector of each user, as a share of all others'; 0 for none."""
    layer: int = 0
    """Width of a private residual layer on user vectors; 0 for none."""
    popularity: float = 0.0
    """Cells of an item weigh its number of buyers to minus this."""
    value_in: float = 0.0
    """An item counts in a history by 1 + ln of the pair's value, over its mean, to this."""
    value_out: float = 0.0
    """The loss of a positive cell is weighted by the same to this."""
    align: Literal["tie", "cosine", "none"] = "tie"
    """Matched rows are replaced by their mean, pulled by eq. 4, or left alone."""
    beta: float = 100.0
    """Weight of eq. 4."""
    dim: int | None = None
    dropout: float | None = None
    rounds: int | None = None
    rate: float = 1.0
    """Times the learning rate of the settings."""
    epochs: float = 1.0
    """Times the epochs of the settings."""


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "base": Variant(),
        "softmax": Variant(loss="softmax"),
        "both": Variant(loss="both"),
        "id-vector": Variant(id_rate=0.1),
        "layer": Variant(layer=32),
        "popularity": Variant(popularity=0.25),
        "value-in": Variant(value_in=1.0),
        "value-out": Variant(value_out=0.5),
        "no-tanh": Variant(tanh=False),
        "scale-3": Variant(scale=3.0),
        "dim-32": Variant(dim=32),
        "dim-128": Variant(dim=128),
        "dropout-.3": Variant(dropout=0.3),
        "dropout-.7": Variant(dropout=0.7),
        "rounds-5": Variant(rounds=5),
        "cosine-100": Variant(align="cosine"),
        "cosine-1000": Variant(align="cosine", beta=1000.0),
        "no-alignment": Variant(align="none"),
        "half-rate": Variant(rate=0.5),
        "double-rate": Variant(rate=2.0),
        "half-epochs": Variant(epochs=0.5),
        "double-epochs": Variant(epochs=2.0),
    }
)
