"""The embedding similarity loss for any number of parties. Source: FedDMF paper, eq. 4.

    L_emb = beta / |P| * sum over P of max(1 - cos(q_a, q_b), m)

P holds every (item, unordered pair of parties that share it). The gradient of -cos(q_a, q_b) in q_a
needs only the unit vector of q_b, so the sum of the peers' unit vectors over the *active* pairs
(1 - cos > m) carries the whole gradient; that sum is the party's target. Items are taken block by block,
so that what is held beside inputs and outputs does not grow with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Agreement",
    "Alignment",
    "agree",
    "align",
    "alignment_gradient",
    "mean_cosine",
    "tie",
    "unit_rows",
]

Floats = npt.NDArray[np.floating]
Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Place = slice | Codes

# torch.nn.functional.cosine_similarity guards its norms with the same number.
_EPS = 1e-8
# Numbers that the vectors of all parties have in a block: few enough for a processor's cache.
_BLOCK = 1 << 19
# Two owners are one pair: what one of them knows of it is all there is.
_PAIR = 2


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well vectors agree.

    loss: mean over P of max(1 - cos, m), without beta; pairs: |P|; cosine: mean cosine over P;
    cosines[party]: mean cosine over those of P that the party is in, nan where it is in none.
    """

    loss: float
    cosine: float
    pairs: int
    cosines: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Alignment(Agreement):
    """The loss of one round and what each party needs to follow its gradient.

    targets[party]: [rows of the party, dim], the sum of its peers' unit vectors over active pairs.
    Where exactly two parties share an item its target is given whether active or not, so that the
    party can apply the hinge to its vector of the moment. pulling[party]: bool [rows], whether the target
    is that of active pairs alone, so that it pulls now.
    """

    targets: Mapping[str, Floats]
    pulling: Mapping[str, Bools]


def unit_rows(vectors: Floats, *, out: Floats | None = None) -> Floats:
    """Return each row divided by its length, [rows, dim], in `out` where given; a zero row stays zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    units: Floats = np.divide(vectors, np.maximum(norms, _EPS)[:, None].astype(vectors.dtype), out=out)
    return units


def mean_cosine(left: Floats, right: Floats) -> float:
    """Return the mean over rows of cos(left, right); nan without rows."""
    if not len(left):
        return float("nan")
    return float(np.mean(np.einsum("ij,ij->i", unit_rows(left), unit_rows(right)), dtype=np.float64))


def align(vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int, margin: float) -> Alignment:
    """Measure eq. 4 and compute every party's targets.

    vectors[party]: [rows of the party, dim]; rows[party]: for each of these the index, below
    `n_items`, of the item in the list of all aligned items, each once. Parties are summed in sorted order.
    Where no item has two owners there is no pair, and loss and cosine are 0.
    """
    parties = sorted(vectors)
    targets = {party: np.empty_like(vectors[party]) for party in parties}
    pulling = {party: np.ones(len(vectors[party]), dtype=np.bool_) for party in parties}
    found = _measured(vectors, rows, n_items, margin, _Made(targets, pulling))
    return Alignment(found.loss, found.cosine, found.pairs, found.cosines, targets, pulling)


def agree(vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int, margin: float) -> Agreement:
    """Measure eq. 4 alone. Arguments as for `align`."""
    return _measured(vectors, rows, n_items, margin, None)


def tie(vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int) -> dict[str, Floats]:
    """Return for each party the mean over an item's owners of their vectors, [rows of the party, dim].

    It is what eq. 4 comes to for large beta, and lengths come together with it. Arguments as for `align`.
    """
    means = {party: np.empty_like(vectors[party]) for party in sorted(vectors)}
    dim = next(iter(vectors.values())).shape[1]
    for width, seats in _blocks(vectors, rows, n_items):
        if _is_mirrored(seats, width):
            _tie_pair(vectors, seats, means)
            continue
        total, owners = np.zeros((width, dim)), np.zeros(width)
        for seat in seats:
            total[seat.items] += vectors[seat.party][seat.rows]
            owners[seat.items] += 1
        total /= np.maximum(owners, 1)[:, None]
        for seat in seats:
            means[seat.party][seat.rows] = total[seat.items]
    return means


def _is_mirrored(seats: Sequence[_Seat], width: int) -> bool:
    """Tell whether there are two parties, and both have every one of `width` items, in their order."""
    return len(seats) == _PAIR and all(
        isinstance(seat.rows, slice) and seat.rows.stop - seat.rows.start == width for seat in seats
    )


def _tie_pair(vectors: Mapping[str, Floats], seats: Sequence[_Seat], means: Mapping[str, Floats]) -> None:
    """Do the same for a pair: halving is exact, so that the sum needs no wider numbers."""
    first, second = seats
    mean = np.add(
        vectors[first.party][first.rows],
        vectors[second.party][second.rows],
        out=means[first.party][first.rows],
        casting="same_kind",
    )
    mean *= 0.5
    means[second.party][second.rows] = mean


@dataclass(frozen=True)
class _Seat:
    """A party in a block: which rows of its table are there, and which items of the block they are about."""

    party: str
    rows: Place
    items: Place


def _blocks(
    vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int
) -> Iterator[tuple[int, list[_Seat]]]:
    """Yield blocks of items that follow one another: how many items, and every party's seat in it, sorted."""
    parties, width = sorted(vectors), _width(vectors)
    starts = range(0, n_items, width)
    tables = [_in_order(rows[party]) for party in parties]
    cuts = [np.searchsorted(items, [*starts, n_items]) for items, _ in tables]
    for block, start in enumerate(starts):
        size = min(width, n_items - start)
        seats = []
        for party, (items, order), cut in zip(parties, tables, cuts, strict=True):
            first, last = int(cut[block]), int(cut[block + 1])
            here: Place = slice(first, last) if order is None else order[first:last]
            every = last - first == size
            seats.append(_Seat(party, here, slice(None) if every else items[first:last] - start))
        yield size, seats


def _width(vectors: Mapping[str, Floats]) -> int:
    """Return how many items are in a block."""
    numbers: int = sum(own.shape[1] for own in vectors.values())
    return max(1, _BLOCK // max(1, numbers))


def _in_order(rows: Codes) -> tuple[Codes, Codes | None]:
    """Return item indices in rising order, and the order that does it; None where they are so already."""
    if np.all(rows[1:] > rows[:-1]):
        return rows, None
    order = np.argsort(rows)
    return rows[order], order


@dataclass(frozen=True)
class _Block:
    """Some items: who is there, its unit vectors, the number of owners of each item; room for two tables."""

    seats: Sequence[_Seat]
    units: Sequence[Floats]
    owners: Codes
    room: Floats


@dataclass(frozen=True)
class _Made:
    """Where targets are written to, and whether they pull."""

    targets: Mapping[str, Floats]
    pulling: Mapping[str, Bools]


@dataclass
class _Sums:
    """Sums over P so far: losses, each party's cosines, and how many pairs each party is in."""

    loss: float = 0.0
    cosines: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)

    def add(self, party: str, cosines: float, pairs: int) -> None:
        """Take in what one party has in one block."""
        self.cosines[party] = self.cosines.get(party, 0.0) + cosines
        self.pairs[party] = self.pairs.get(party, 0) + pairs

    def agreement(self) -> Agreement:
        """Return the means."""
        pairs = sum(self.pairs.values()) // 2
        each = max(pairs, 1)
        means = {
            party: total / self.pairs[party] if self.pairs[party] else math.nan
            for party, total in self.cosines.items()
        }
        return Agreement(self.loss / each, sum(self.cosines.values()) / 2 / each, pairs, means)


def _measured(
    vectors: Mapping[str, Floats],
    rows: Mapping[str, Codes],
    n_items: int,
    margin: float,
    made: _Made | None,
) -> Agreement:
    sums = _Sums()
    for party in sorted(vectors):
        sums.add(party, 0.0, 0)
    # One sum over parties serves all targets where every pair is active, and where a pair is all there is.
    by_sum = margin == 0 or len(vectors) <= _PAIR
    measure = _by_sum if by_sum else _by_pairs
    first = next(iter(vectors.values()))
    # Taken once: fresh memory for each block would cost more than what is computed in it.
    room = np.empty((len(vectors) + 2, min(_width(vectors), n_items), first.shape[1]), dtype=first.dtype)
    for width, seats in _blocks(vectors, rows, n_items):
        owners = np.zeros(width, dtype=np.int64)
        for seat in seats:
            owners[seat.items] += 1
        units = []
        for seat, free in zip(seats, room[2:], strict=True):
            own = vectors[seat.party][seat.rows]
            units.append(unit_rows(own, out=free[: len(own)]))
        measure(_Block(seats, units, owners, room[:2, :width]), margin, sums, made)
    return sums.agreement()


def _by_sum(block: _Block, margin: float, sums: _Sums, made: _Made | None) -> None:
    """Measure a block by the sum of all owners' unit vectors, O(N) not O(N^2)."""
    seats, units, owners = block.seats, block.units, block.owners
    total = block.room[0]
    # Two parties that both have every item of the block are each other's target.
    mirrored = len(seats) == _PAIR and int(owners.min()) == _PAIR
    if not mirrored:
        total.fill(0)
        for seat, own in zip(seats, units, strict=True):
            total[seat.items] += own
    for at, (seat, own) in enumerate(zip(seats, units, strict=True)):
        if mirrored:
            target = units[1 - at]
        else:
            target = np.subtract(total[seat.items], own, out=block.room[1, : len(own)])
        cosines = np.einsum("ij,ij->i", own, target)
        peers = owners[seat.items] - 1
        pairs = int(peers.sum())
        sums.add(seat.party, float(cosines.sum(dtype=np.float64)), pairs)
        losses = np.maximum(peers - cosines, margin * peers) if margin else peers - cosines
        # Each of a pair's two owners has it once.
        sums.loss += float(losses.sum(dtype=np.float64)) / 2
        if made is not None:
            made.targets[seat.party][seat.rows] = target
            if margin:
                made.pulling[seat.party][seat.rows] = (1 - cosines > margin) | (peers == 0)


def _by_pairs(block: _Block, margin: float, sums: _Sums, made: _Made | None) -> None:
    """Measure a block pair by pair: with a hinge and several peers the active pairs must be counted."""
    seats, units, owners = block.seats, block.units, block.owners
    stack = np.zeros((len(owners), len(seats), units[0].shape[1]), dtype=units[0].dtype)
    owned = np.zeros(stack.shape[:2], dtype=np.bool_)
    for at, (seat, own) in enumerate(zip(seats, units, strict=True)):
        stack[seat.items, at] = own
        owned[seat.items, at] = True
    paired = owned[:, :, None] & owned[:, None, :] & ~np.eye(len(seats), dtype=np.bool_)
    cosines = np.matmul(stack, stack.transpose(0, 2, 1))  # [items, parties, parties]
    active = paired & (1 - cosines > margin)
    losses = np.maximum(1 - cosines, margin).sum(where=paired, dtype=np.float64)
    sums.loss += float(losses) / 2
    along = cosines.sum(axis=(0, 2), where=paired, dtype=np.float64)
    pairs = paired.sum(axis=(0, 2))
    for seat, its_cosines, its_pairs in zip(seats, along, pairs, strict=True):
        sums.add(seat.party, float(its_cosines), int(its_pairs))
    if made is None:
        return
    single = owners == _PAIR
    targets = np.matmul((active | (paired & single[:, None, None])).astype(stack.dtype), stack)
    pulled = active.any(axis=2) | ~single[:, None]
    for at, seat in enumerate(seats):
        made.targets[seat.party][seat.rows] = targets[seat.items, at]
        made.pulling[seat.party][seat.rows] = pulled[seat.items, at]


def alignment_gradient(vectors: Any, targets: Any, *, single_peer: Any, margin: float, scale: float) -> Any:
    """Return d L_emb / d vectors, [rows, dim], from the targets of the last exchange.

    vectors, targets: [rows, dim] of numpy or torch; single_peer: bool [rows], whether the item has
    exactly one peer, so that the hinge is applied here; scale: beta / |P|.
    """
    norms = ((vectors * vectors).sum(1) ** 0.5).clip(_EPS)[:, None]
    units = vectors / norms
    along = (units * targets).sum(1)[:, None]
    gradient = (along * units - targets) * (scale / norms)
    if margin == 0:
        return gradient
    active = (1 - along > margin) | ~single_peer[:, None]
    return gradient * active
