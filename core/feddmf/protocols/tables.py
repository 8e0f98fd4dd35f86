"""Tables of matched vectors: which of them are aligned, and eq. 4 over all of them at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.alignment import Agreement

__all__ = ["TABLES", "aligned_rows", "over_tables"]

TABLES = ("contexts", "vectors")
"""The tables that are aligned, in the order in which their rows count."""

Floats = npt.NDArray[Any]
Codes = npt.NDArray[np.int64]


def aligned_rows(
    payloads: Mapping[str, Mapping[str, Floats]], name: str, aligned: Mapping[str, Codes]
) -> dict[str, Floats]:
    """Return for each party the aligned rows of its table `name`, [aligned, dim], without copying."""
    return {party: payload[name][: len(aligned[party])] for party, payload in payloads.items()}


def over_tables(measured: Sequence[Agreement]) -> Agreement:
    """Return the agreement over the pairs of all tables, which have the same pairs each."""
    pairs = sum(each.pairs for each in measured)
    return Agreement(
        math.fsum(each.loss for each in measured) / len(measured),
        math.fsum(each.cosine for each in measured) / len(measured),
        pairs,
        {
            party: math.fsum(each.cosines[party] for each in measured) / len(measured)
            for party in measured[0].cosines
        },
    )
