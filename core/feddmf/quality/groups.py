"""Hidden items in bands by how many of the party's users have them: vectors may work for the many alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.evidence import Evidence
from feddmf.quality.figures import Figures, measure

__all__ = ["BANDS", "Group", "groups"]

BANDS = 3
"""Bands of about equally many items: those that few of the users have, some, and many."""


@dataclass(frozen=True, eq=False)
class Group:
    """The figures of the hidden items that `fewest` to `most` of the party's users have, both inclusive."""

    fewest: int
    most: int
    figures: Figures


def groups(evidence: Evidence, threshold: float, *, seed: int = 0) -> tuple[Group, ...]:
    """Return the figures of each band of items that anybody has, fewest owners first; as of `measure`.

    Items with equally many owners share a band, so that bands may differ in size, and be fewer than BANDS.
    """
    owners = np.count_nonzero(evidence.truth, axis=0)  # [hidden]
    return tuple(
        Group(
            int(owners[places].min()),
            int(owners[places].max()),
            measure(evidence.of_items(places), threshold, seed=seed),
        )
        for places in _bands(owners)
    )


def _bands(owners: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return the places of each band's items, ascending."""
    owned = owners[owners > 0]
    if not len(owned):
        return []
    edges = np.quantile(owned, np.arange(1, BANDS) / BANDS, method="lower")
    band = np.where(owners > 0, np.searchsorted(edges, owners, side="left"), BANDS)
    found = [np.flatnonzero(band == number) for number in range(BANDS)]
    return [places for places in found if len(places)]
