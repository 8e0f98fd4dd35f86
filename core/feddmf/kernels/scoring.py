"""Scores of many cells: eq. 1 with its first layer split, and what a head is told of an item."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled, inlined
from feddmf.kernels.lanes import LANES, count, filled, project

__all__ = ["Near", "Product", "Split", "meet", "near_sums", "split_logits", "tower_logits"]

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Items = npt.NDArray[np.int32]

# Users that are projected together: their vectors stay in the first cache.
_TOGETHER = 256
_ZERO = np.float32(0)


class Split(NamedTuple):
    """A first layer's half for users, and the layer on top: [hidden, dim], [1, hidden] twice, a number."""

    weight: Floats
    bias: Floats
    out_weight: Floats
    out_bias: float


class Product(NamedTuple):
    """Vectors of users, [users, dim], and that of one asked item, [dim]."""

    users: Floats
    asked: Floats


class Near(NamedTuple):
    """Histories and weights as `near_sums` takes them, of one asked item: weights [items]."""

    firsts: Places
    lasts: Places
    items: Items
    weights: Floats


@compiled
def tower_logits(projected: Floats, items: Floats, out_weight: Floats, out_bias: float, out: Floats) -> None:
    """Write relu(projected + items) . out_weight + out_bias to `out`, [users, items].

    projected: [users, hidden], the users' half of the first layer; items: [items, hidden], the other half.
    """
    together = len(projected) // 4 * 4
    # Four users at once: their rows come from memory while others are added up.
    for user in range(0, together, 4):
        for item in range(len(items)):
            first = second = third = fourth = np.float32(out_bias)
            for unit in range(len(out_weight)):
                known, weight = items[item, unit], out_weight[unit]
                first += weight * max(projected[user, unit] + known, _ZERO)
                second += weight * max(projected[user + 1, unit] + known, _ZERO)
                third += weight * max(projected[user + 2, unit] + known, _ZERO)
                fourth += weight * max(projected[user + 3, unit] + known, _ZERO)
            out[user, item], out[user + 1, item] = first, second
            out[user + 2, item], out[user + 3, item] = third, fourth
    for user in range(together, len(projected)):
        for item in range(len(items)):
            total = np.float32(out_bias)
            for unit in range(len(out_weight)):
                total += out_weight[unit] * max(projected[user, unit] + items[item, unit], _ZERO)
            out[user, item] = total


@compiled
def split_logits(vectors: Floats, layers: Split, items: Floats, out: Floats) -> None:
    """Write relu(weight . vector + bias + item) . out_weight + out_bias to `out`, [users, items].

    vectors: [users, dim]; items: [items, hidden], the other half of the first layer. Some users at a time,
    each a lane: what they are projected to is used at once, and never stands in memory.
    """
    # What is beyond the last number and the last unit is zero, and counts nothing.
    weight, bias, out_weight = filled(layers.weight), filled(layers.bias), filled(layers.out_weight)
    bias, out_weight, items = bias[0], out_weight[0], filled(items)
    turned = np.zeros((weight.shape[1], _TOGETHER), np.float32)
    units, totals = np.empty((LANES, _TOGETHER), np.float32), np.empty((len(out[0]), _TOGETHER), np.float32)
    for start in range(0, len(vectors), _TOGETHER):
        users = min(_TOGETHER, len(vectors) - start)
        turned[: vectors.shape[1], :users] = vectors[start : start + users].T
        totals[:] = layers.out_bias
        for unit in range(0, len(weight), LANES):
            here = slice(unit, unit + LANES)
            for lane in range(LANES):
                units[lane] = bias[unit + lane]
            project(weight[here], turned, units)
            for item in range(len(totals)):
                count(units, items[item, here], out_weight[here], totals[item])
        out[start : start + users] = totals[:, :users].T


@inlined
def _sum(items: Items, first: int, last: int, weights: Floats) -> np.float32:
    """Return the sum of weights [any] over items [any] from number `first` to before number `last`."""
    total = _ZERO
    # Without signs nothing counts from the end, and several are looked up at once.
    for place in range(np.uint64(first), np.uint64(last)):
        total += weights[np.uint32(items[place])]
    return total


@compiled
def near_sums(firsts: Places, lasts: Places, items: Items, weights: Floats, out: Floats) -> None:
    """Write the sum of `weights` [items, asked] over the items of each user to `out`, [users, asked].

    firsts, lasts: [users], where in `items` those of a user begin and end.
    """
    if weights.shape[1] == 1:
        only = weights[:, 0].copy()
        for user in range(len(out)):
            out[user, 0] = _sum(items, firsts[user], lasts[user], only)
        return
    for user in range(len(out)):
        row = out[user]
        row[:] = _ZERO
        for place in range(firsts[user], lasts[user]):
            found = weights[items[place]]
            for column in range(len(row)):
                row[column] += found[column]


@inlined
def _product(left: Floats, right: Floats) -> np.float32:
    total = _ZERO
    for column in range(len(right)):
        total += left[column] * right[column]
    return total


@compiled
def meet(tower: Product, linear: Product, near: Near, out: Floats) -> None:
    """Write to `out` [3, users] both products with one asked item, and the sums of its weights.

    In one pass: rows come from memory while others are added up.
    """
    for user in range(out.shape[1]):
        out[0, user] = _product(tower.users[user], tower.asked)
        out[1, user] = _product(linear.users[user], linear.asked)
        out[2, user] = _sum(near.items, near.firsts[user], near.lasts[user], near.weights)
