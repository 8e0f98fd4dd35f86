"""Pairs in any order, merged into compressed sparse rows: by numpy where they are few, else compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Chunk", "merged"]

# Fewer pairs than this are merged before the compiled kernels would be loaded, which the coordinator has not.
_FEW = 1 << 18

_PIECE = 1 << 20
_AS: tuple[Literal["C"], Literal["W"]] = ("C", "W")

_Piece = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64] | None]
_Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Pairs of codes, users [pairs] and items [pairs], with a value each, [pairs], or None."""

    users: npt.NDArray[np.integer]
    items: npt.NDArray[np.integer]
    values: npt.NDArray[np.floating] | None = None


def merged(chunks: list[Chunk], shape: tuple[int, int], *, few: int = _FEW) -> _Rows:
    """Return indptr, indices and values as `Interactions` has them; `chunks` is emptied on the way.

    Values of a pair are added in float64 from the least up; without values each pair has 1. Raises ValueError
    where a code lies outside `shape` = (users, items). few: pairs up to which numpy sorts.
    """
    for chunk in chunks:
        _check("user", chunk.users, shape[0])
        _check("item", chunk.items, shape[1])
    if sum(len(chunk.users) for chunk in chunks) < few:
        return _by_numpy(chunks, shape)
    return _compiled(chunks, shape)


def _check(name: str, codes: npt.NDArray[np.integer], limit: int) -> None:
    if codes.size and (codes.min() < 0 or codes.max() >= limit):
        raise ValueError(f"{name} code outside 0..{limit - 1}")


def _by_numpy(chunks: list[Chunk], shape: tuple[int, int]) -> _Rows:
    none: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
    users = np.concatenate([none, *(chunk.users.astype(np.int64) for chunk in chunks)])
    items = np.concatenate([none, *(chunk.items.astype(np.int64) for chunk in chunks)])
    given = [chunk.values.astype(np.float64) for chunk in chunks if chunk.values is not None]
    chunks.clear()
    keys = users * shape[1] + items
    weights = np.concatenate(given) if given else None
    order = np.argsort(keys) if weights is None else np.lexsort((weights, keys))
    keys = keys[order]
    first = np.concatenate([np.ones(min(1, len(keys)), dtype=np.bool_), keys[1:] != keys[:-1]])
    kept = order[first]
    values = np.ones(len(kept), dtype=np.float32)
    if weights is not None:
        values = np.bincount(np.cumsum(first) - 1, weights[order], minlength=len(kept)).astype(np.float32)
    indptr = np.zeros(shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(users[kept], minlength=shape[0]), out=indptr[1:])
    return indptr, items[kept].astype(np.int32), values


def _compiled(chunks: list[Chunk], shape: tuple[int, int]) -> _Rows:
    # Loaded where there is much to do: the coordinator and small tables go without.
    from feddmf.kernels.csr import count_users, merge_items, merge_sums, place_items, place_sums

    indptr = np.zeros(shape[0] + 1, dtype=np.int64)
    for chunk in chunks:
        for users, _, _ in _pieces(chunk):
            count_users(indptr, users)
    np.cumsum(indptr, out=indptr)
    total, valued = int(indptr[-1]), chunks[0].values is not None
    indices = np.empty(total, dtype=np.int32)
    weights = np.empty(total if valued else 0, dtype=np.float64)
    ends = indptr[:-1].copy()
    while chunks:
        for users, items, weighed in _pieces(chunks.pop()):
            if weighed is None:
                place_items(ends, indices, users, items)
            else:
                place_sums(ends, indices, weights, users, items, weighed)
    if valued:
        values = np.empty(total, dtype=np.float32)
        merge_sums(indptr, indices, weights, values)
        values.resize(int(indptr[-1]), refcheck=False)
    else:
        merge_items(indptr, indices)
        values = np.ones(int(indptr[-1]), dtype=np.float32)
    indices.resize(int(indptr[-1]), refcheck=False)
    return indptr, indices, values


def _pieces(chunk: Chunk) -> Iterator[_Piece]:
    """Yield the chunk in pieces of the one type that the kernels are compiled for."""
    for first in range(0, len(chunk.users), _PIECE):
        part = slice(first, first + _PIECE)
        users, items = (np.require(codes[part], np.int32, _AS) for codes in (chunk.users, chunk.items))
        values = None if chunk.values is None else np.require(chunk.values[part], np.float64, _AS)
        yield users, items, values
