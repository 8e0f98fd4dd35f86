"""What a release says of a user whose history the attacker knows; it says more where that was trained on.

With z the user's history as a row of length 1, in which rarer items weigh more (count^-1/2), a release tells
how closely the items of the history belong together, the more closely where it was in the training:

    z^T L R^T z - its diagonal     for a map L R^T that was released in two tables, contexts and targets
    z^T Q Q^T z - its diagonal     for a table, with Q an orthonormal basis of its centred columns
    z^T M z, with and without its diagonal, and c . r    for a Gram release of counts c and Gram M

Any rotation of the tables leaves them alone. Sources: for likelihood ratios, `feddmf.privacy.attacks`; for
z and r, `feddmf.privacy.mechanism`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.privacy.mechanism import GramRelease
from feddmf.transfer import sum_contexts

__all__ = ["Released", "Table", "gram_statistics", "table_statistics"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# Columns below this share of the largest singular value are rounding.
_LEAST_SHARE = 1e-5


@dataclass(frozen=True, eq=False)
class Table:
    """Released rows, [rows, columns], of item `codes`, int64 [rows], none of them twice."""

    codes: Codes
    rows: npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Released:
    """All tables that a party releases, by name; maps: pairs of names, (contexts, targets)."""

    tables: Mapping[str, Table]
    maps: tuple[tuple[str, str], ...] = ()


def table_statistics(data: Interactions, counts: npt.NDArray[np.integer], released: Released) -> Floats:
    """Return what `released` says of each user of `data`, [users, kinds]: tables in order, then maps.

    counts: [items], users behind each item among all whom the attacker knows of.
    """
    weights = np.maximum(counts, 1) ** -0.5
    codes = np.arange(data.items)
    lengths = sum_contexts(data, codes, np.square(weights)[:, None])[:, 0]
    found = list(_products(data, weights, released))
    return np.stack(found, axis=1) / np.where(lengths > 0, lengths, 1.0)[:, None]


def gram_statistics(data: Interactions, release: GramRelease) -> Floats:
    """Return what a Gram release says of each user of `data`, [users, 3]; its columns are those of `data`."""
    weights, gram = release.weights, release.gram
    found = np.zeros((data.users, 3))
    for user in range(data.users):
        items = data.indices[data.indptr[user] : data.indptr[user + 1]]
        if not len(items):
            continue
        row = weights[items] / np.linalg.norm(weights[items])
        whole = float(row @ gram[np.ix_(items, items)] @ row)
        own = float(np.square(row) @ gram[items, items])
        found[user] = whole, whole - own, release.counts[items].sum() / len(items) ** 0.5
    return found


def _products(data: Interactions, weights: Floats, released: Released) -> Iterator[Floats]:
    for table in released.tables.values():
        basis = Table(table.codes, _basis(table.rows))
        yield _product(data, weights, basis, basis)
    for contexts, targets in released.maps:
        yield _product(data, weights, released.tables[contexts], released.tables[targets])


def _product(data: Interactions, weights: Floats, left: Table, right: Table) -> Floats:
    """Return the sum of w_i w_j l_i . r_j over each user's items i and j that differ, [users]."""
    sums = [sum_contexts(data, each.codes, each.rows * weights[each.codes, None]) for each in (left, right)]
    both, of_left, of_right = np.intersect1d(left.codes, right.codes, return_indices=True)
    own = np.einsum("ic,ic->i", left.rows[of_left], right.rows[of_right]) * np.square(weights[both])
    product: Floats = np.einsum("uc,uc->u", *sums) - sum_contexts(data, both, own[:, None])[:, 0]
    return product


def _basis(rows: npt.NDArray[np.floating]) -> Floats:
    """Return an orthonormal basis of the centred columns, [rows, rank]."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    basis: Floats = left[:, values > _LEAST_SHARE * values.max(initial=0.0)]
    return basis
