"""The embedding similarity loss for any number of parties. Source: FedDMF paper, eq. 4.

    L_emb = beta / |P| * sum over P of max(1 - cos(q_a, q_b), m)

P holds every (item, unordered pair of parties that share it). The gradient of -cos(q_a, q_b) in q_a
needs only the unit vector of q_b, so the sum of the peers' unit vectors over the *active* pairs
(1 - cos > m) carries the whole gradient; that sum is the party's target.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Alignment", "align", "alignment_gradient", "mean_cosine", "tie", "unit_rows"]

Floats = npt.NDArray[np.floating]
Codes = npt.NDArray[np.int64]

# torch.nn.functional.cosine_similarity guards its norms with the same number.
_EPS = 1e-8


@dataclass(frozen=True, eq=False)
class Alignment:
    """The loss of one round and what each party needs to follow its gradient.

    loss: mean over P of max(1 - cos, m), without beta; pairs: |P|; cosine: mean cosine over P;
    cosines[party]: mean cosine over those of P that the party is in, nan where it is in none;
    targets[party]: [rows of the party, dim], the sum of its peers' unit vectors over active pairs.
    Where exactly two parties share an item its target is given whether active or not, so that the
    party can apply the hinge to its vector of the moment. pulls[party]: the targets that pull now,
    zero rows where no pair is active.
    """

    loss: float
    cosine: float
    pairs: int
    cosines: Mapping[str, float]
    targets: Mapping[str, Floats]
    pulls: Mapping[str, Floats]


def unit_rows(vectors: Floats) -> Floats:
    """Return each row divided by its length, [rows, dim]; a zero row stays zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    units: Floats = vectors / np.maximum(norms, _EPS)[:, None].astype(vectors.dtype)
    return units


def mean_cosine(left: Floats, right: Floats) -> float:
    """Return the mean over rows of cos(left, right); nan without rows."""
    if not len(left):
        return float("nan")
    return float(np.mean(np.einsum("ij,ij->i", unit_rows(left), unit_rows(right)), dtype=np.float64))


def align(vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int, margin: float) -> Alignment:
    """Measure eq. 4 and compute every party's targets.

    vectors[party]: [rows of the party, dim]; rows[party]: for each of these the index, below
    `n_items`, of the item in the list of all aligned items. Parties are summed in sorted order. Where no item
    has two owners there is no pair, and loss and cosine are 0.
    """
    units = {party: unit_rows(vectors[party]) for party in sorted(vectors)}
    owners = np.zeros(n_items, dtype=np.int64)
    for party in units:
        owners[rows[party]] += 1
    if margin == 0:
        return _all_active(units, rows, owners)
    return _count_active(units, rows, owners, margin)


def _all_active(units: Mapping[str, Floats], rows: Mapping[str, Codes], owners: Codes) -> Alignment:
    """Every pair is active where m = 0: one sum over parties serves all targets, O(N) not O(N^2)."""
    first = next(iter(units.values()))
    total: Floats = np.zeros((len(owners), first.shape[1]), dtype=first.dtype)
    for party, vectors in units.items():
        total[rows[party]] += vectors
    targets = {party: total[rows[party]] - vectors for party, vectors in units.items()}
    sums = {p: float(np.einsum("ij,ij->", units[p], targets[p], dtype=np.float64)) for p in units}
    counts = _pairs_of_parties(rows, owners, units)
    pairs = sum(counts.values()) // 2
    cosine = sum(sums.values()) / 2 / pairs if pairs else 0.0
    loss = 1 - cosine if pairs else 0.0
    return Alignment(loss, cosine, pairs, _means(sums, counts), targets, targets)


def _count_active(
    units: Mapping[str, Floats], rows: Mapping[str, Codes], owners: Codes, margin: float
) -> Alignment:
    """With a hinge the active pairs must be counted, pair by pair of parties."""
    targets = {party: np.zeros_like(vectors) for party, vectors in units.items()}
    pulls = {party: np.zeros_like(vectors) for party, vectors in units.items()}
    sums = dict.fromkeys(units, 0.0)
    loss = 0.0
    for a, b in itertools.combinations(units, 2):
        shared, at_a, at_b = np.intersect1d(rows[a], rows[b], assume_unique=True, return_indices=True)
        left, right = units[a][at_a], units[b][at_b]
        cosines = np.einsum("ij,ij->i", left, right)
        active = 1 - cosines > margin
        for made, mask in ((pulls, active), (targets, active | (owners[shared] == 2))):  # noqa: PLR2004
            made[a][at_a] += mask[:, None] * right
            made[b][at_b] += mask[:, None] * left
        loss += float(np.maximum(1 - cosines, margin).sum(dtype=np.float64))
        for party in (a, b):
            sums[party] += float(cosines.sum(dtype=np.float64))
    counts = _pairs_of_parties(rows, owners, units)
    pairs = sum(counts.values()) // 2
    each = max(pairs, 1)
    return Alignment(loss / each, sum(sums.values()) / 2 / each, pairs, _means(sums, counts), targets, pulls)


def _pairs_of_parties(rows: Mapping[str, Codes], owners: Codes, parties: Iterable[str]) -> dict[str, int]:
    return {party: int((owners[rows[party]] - 1).sum()) for party in parties}


def _means(sums: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
    return {party: total / counts[party] if counts[party] else math.nan for party, total in sums.items()}


def tie(vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int) -> dict[str, Floats]:
    """Return for each party the mean over an item's owners of their vectors, [rows of the party, dim].

    It is what eq. 4 comes to for large beta, and lengths come together with it. Arguments as for `align`.
    """
    first = next(iter(vectors.values()))
    total, owners = np.zeros((n_items, first.shape[1])), np.zeros(n_items)
    for party in sorted(vectors):
        total[rows[party]] += vectors[party]
        owners[rows[party]] += 1
    means: Floats = (total / np.maximum(owners, 1)[:, None]).astype(first.dtype)
    return {party: means[rows[party]] for party in vectors}


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
