"""The gradient of the embedding similarity loss on a row. Source: FedDMF paper, eq. 4."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import inlined

__all__ = ["Targets", "add_pull"]

# As in feddmf.alignment.
_EPS = np.float32(1e-8)


class Targets(NamedTuple):
    """What pulls the rows of an item table.

    places: int32 [items], each item's row of `vectors`, -1 for one that nothing pulls; vectors: float32
    [rows, dim]; single_peer: bool [rows]; scale: beta / |P|; margin: m of eq. 4.
    """

    places: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float32]
    single_peer: npt.NDArray[np.bool_]
    scale: np.float32
    margin: np.float32


@inlined
def add_pull(
    values: npt.NDArray[np.float32], row: int, targets: Targets, gradient: npt.NDArray[np.float32], at: int
) -> None:
    """Add to row `at` of `gradient` what pulls row `row` of `values`, if anything does."""
    place = targets.places[row]
    if place < 0:
        return
    square, product = np.float32(0), np.float32(0)
    for column in range(values.shape[1]):
        value = values[row, column]
        square += value * value
        product += value * targets.vectors[place, column]
    inverse = np.float32(1) / max(np.sqrt(square), _EPS)
    along = product * inverse
    hinged = targets.margin > 0 and targets.single_peer[place]
    if hinged and not np.float32(1) - along > targets.margin:
        return
    strength = targets.scale * inverse
    inward = along * inverse
    for column in range(values.shape[1]):
        difference = inward * values[row, column] - targets.vectors[place, column]
        gradient[at, column] += strength * difference
