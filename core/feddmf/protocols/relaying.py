"""What every party says of items, handed to its peers side by side: one block of columns a peer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from feddmf.payload import Payload

__all__ = ["side_by_side"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def side_by_side(
    contributions: Mapping[str, Payload],
    rows: Mapping[str, Codes],
    *,
    at: Mapping[str, Codes] | None = None,
    only: str | None = None,
    whole: Collection[str] = (),
) -> dict[str, Payload]:
    """Return for each party, or for `only` one, its peers' arrays, [rows of the party, peers * columns].

    rows[party]: int64, what item each row of a contribution is about, from one list for all; at[party]: those
    of the reply, the same unless given. Peers stand in sorted order; a row is zero where a peer says
    nothing of the item. Arrays named in `whole` are not about items, and are handed on as they are.
    """
    wanted = rows if at is None else at
    parties = tuple(contributions) if only is None else (only,)
    told = {}
    for party in parties:
        peers = sorted(peer for peer in contributions if peer != party)
        told[party] = Payload(
            {
                name: np.concatenate([contributions[peer][name] for peer in peers], axis=1)
                if name in whole
                else _picked([(contributions[peer][name], rows[peer]) for peer in peers], wanted[party])
                for name in contributions[party]
            }
        )
    return told


def _picked(tables: Sequence[tuple[Floats, Codes]], wanted: Codes) -> Floats:
    """Return the rows of each table that are about `wanted`, side by side; zero where none is."""
    columns = sum(array.shape[1] for array, _ in tables)
    picked: Floats = np.zeros((len(wanted), columns), dtype=tables[0][0].dtype)
    first = 0
    for array, rows in tables:
        order = np.argsort(rows)
        # Where the row about a wanted item would stand among the sorted ones.
        at = np.minimum(np.searchsorted(rows, wanted, sorter=order), max(len(rows) - 1, 0))
        found = np.flatnonzero(rows[order][at] == wanted) if len(rows) else order
        picked[found, first : first + array.shape[1]] = array[order[at[found]]]
        first += array.shape[1]
    return picked
