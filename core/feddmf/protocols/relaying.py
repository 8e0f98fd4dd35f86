"""What every party says of items, handed to its peers side by side: one block of columns a peer."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from feddmf.payload import Payload

__all__ = ["side_by_side"]

Codes = npt.NDArray[np.int64]


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
    return {
        party: Payload(
            {
                name: np.concatenate(
                    [
                        payload[name] if name in whole else _picked(payload[name], rows[peer], wanted[party])
                        for peer, payload in sorted(contributions.items())
                        if peer != party
                    ],
                    axis=1,
                )
                for name in contributions[party]
            }
        )
        for party in parties
    }


def _picked(array: npt.NDArray[np.float32], rows: Codes, wanted: Codes) -> npt.NDArray[np.float32]:
    """Return the rows of `array` that are about `wanted`, zero where none is."""
    picked = np.zeros((len(wanted), array.shape[1]), dtype=array.dtype)
    _, here, there = np.intersect1d(wanted, rows, assume_unique=True, return_indices=True)
    picked[here] = array[there]
    return picked
