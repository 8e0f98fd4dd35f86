"""Scores of many cells: eq. 1 with its first layer split, sums over histories, and the networks of a head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.head import Told
from feddmf.kernels.compiling import compiled, inlined

__all__ = ["Layers", "Split", "head_logits", "near_sums", "split_logits", "tower_logits"]

Floats = npt.NDArray[np.float32]

# Cells that go through a head together: their activations stay in the first cache.
_TOGETHER = 256
# Numbers of a vector that are added up at once, and units that they are added to.
_LANES = 4
_ZERO = np.float32(0)


class Layers(NamedTuple):
    """A head as `feddmf.head.Head` describes it, with what its features are held within."""

    centre: Floats
    factor: Floats
    linear_weight: Floats
    out_bias: Floats
    first_weight: Floats
    first_bias: Floats
    second_weight: Floats
    second_bias: Floats
    out_weight: Floats
    lowest: np.float32
    highest: np.float32


class Split(NamedTuple):
    """A first layer's half for users, and the layer on top: [hidden, dim], [1, hidden] twice, a number."""

    weight: Floats
    bias: Floats
    out_weight: Floats
    out_bias: float


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


@inlined
def _filled(array: Floats) -> Floats:
    """Return `array` [n, m] with zeros up to full lanes on either side."""
    rows, columns = array.shape
    filled = np.zeros((-(-rows // _LANES) * _LANES, -(-columns // _LANES) * _LANES), np.float32)
    filled[:rows, :columns] = array
    return filled


@inlined
def _project(weight: Floats, turned: Floats, units: Floats) -> None:
    """Add weight [_LANES, dim] times turned [dim, users] to `units`, [_LANES, users]."""
    first, second, third, fourth = units[0], units[1], units[2], units[3]
    for column in range(0, weight.shape[1], _LANES):
        w, x = weight[:, column : column + _LANES], turned[column : column + _LANES]
        a, b, c, d = x[0], x[1], x[2], x[3]
        for user in range(_TOGETHER):
            of_a, of_b, of_c, of_d = a[user], b[user], c[user], d[user]
            first[user] += w[0, 0] * of_a + w[0, 1] * of_b + w[0, 2] * of_c + w[0, 3] * of_d
            second[user] += w[1, 0] * of_a + w[1, 1] * of_b + w[1, 2] * of_c + w[1, 3] * of_d
            third[user] += w[2, 0] * of_a + w[2, 1] * of_b + w[2, 2] * of_c + w[2, 3] * of_d
            fourth[user] += w[3, 0] * of_a + w[3, 1] * of_b + w[3, 2] * of_c + w[3, 3] * of_d


@inlined
def _count(units: Floats, known: Floats, factor: Floats, totals: Floats) -> None:
    """Add factor . relu(units + known) to `totals` [users]; units: [_LANES, users]; the others: [_LANES]."""
    first, second, third, fourth = units[0], units[1], units[2], units[3]
    for user in range(_TOGETHER):
        totals[user] += (
            factor[0] * max(first[user] + known[0], _ZERO)
            + factor[1] * max(second[user] + known[1], _ZERO)
            + factor[2] * max(third[user] + known[2], _ZERO)
            + factor[3] * max(fourth[user] + known[3], _ZERO)
        )


@compiled
def split_logits(vectors: Floats, layers: Split, items: Floats, out: Floats) -> None:
    """Write relu(weight . vector + bias + item) . out_weight + out_bias to `out`, [users, items].

    vectors: [users, dim]; items: [items, hidden], the other half of the first layer. Some users at a time,
    each a lane: what they are projected to is used at once, and never stands in memory.
    """
    # What is beyond the last number and the last unit is zero, and counts nothing.
    weight, bias, out_weight = _filled(layers.weight), _filled(layers.bias), _filled(layers.out_weight)
    bias, out_weight, items = bias[0], out_weight[0], _filled(items)
    turned = np.zeros((weight.shape[1], _TOGETHER), np.float32)
    units, totals = np.empty((_LANES, _TOGETHER), np.float32), np.empty((len(out[0]), _TOGETHER), np.float32)
    for start in range(0, len(vectors), _TOGETHER):
        users = min(_TOGETHER, len(vectors) - start)
        turned[: vectors.shape[1], :users] = vectors[start : start + users].T
        totals[:] = layers.out_bias
        for unit in range(0, len(weight), _LANES):
            here = slice(unit, unit + _LANES)
            for lane in range(_LANES):
                units[lane] = bias[unit + lane]
            _project(weight[here], turned, units)
            for item in range(len(totals)):
                _count(units, items[item, here], out_weight[here], totals[item])
        out[start : start + users] = totals[:, :users].T


@compiled
def near_sums(
    starts: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    users: npt.NDArray[np.int64],
    weights: Floats,
    out: Floats,
) -> None:
    """Write the sum of `weights` [items, asked] over the items of each of `users` to `out`, [users, asked].

    starts, items: the histories, in compressed sparse rows.
    """
    asked = weights.shape[1]
    for at in range(len(users)):
        first, last = starts[users[at]], starts[users[at] + 1]
        if asked == 1:
            total = _ZERO
            for place in range(first, last):
                total += weights[items[place], 0]
            out[at, 0] = total
            continue
        row = out[at]
        row[:] = 0
        for place in range(first, last):
            found = weights[items[place]]
            for column in range(asked):
                row[column] += found[column]


@compiled
def _mixed(weights: Floats, bias: float, inputs: Floats, out: Floats) -> None:
    """Write the sum of weights [n] times inputs [n, cells], and the bias, to `out`, [cells]."""
    count, done = len(weights), 0
    out[:] = bias
    # Four at once: then arithmetic and not memory takes the time.
    while done + 4 <= count:
        a, b, c, d = weights[done], weights[done + 1], weights[done + 2], weights[done + 3]
        of_a, of_b, of_c, of_d = inputs[done], inputs[done + 1], inputs[done + 2], inputs[done + 3]
        for cell in range(len(out)):
            out[cell] += (a * of_a[cell] + b * of_b[cell]) + (c * of_c[cell] + d * of_d[cell])
        done += 4
    while done < count:
        a, of_a = weights[done], inputs[done]
        for cell in range(len(out)):
            out[cell] += a * of_a[cell]
        done += 1


@compiled
def _look(told: Told, layers: Layers, first: int, cells: int, seen: Floats) -> None:
    """Write the standardised features of `cells` cells from number `first` on to `seen`, [features, any]."""
    items = told.tower.shape[1]
    user, item = first // items, first % items
    for cell in range(cells):
        seen[0, cell] = told.tower[user, item]
        seen[1, cell] = told.linear[user, item]
        seen[2, cell] = told.popularity[item]
        seen[3, cell] = told.activity[user]
        seen[4, cell] = told.nearness[user, item]
        item += 1
        if item == items:
            user, item = user + 1, 0
    for feature in range(len(seen)):
        row, centre, factor = seen[feature], layers.centre[feature], layers.factor[feature]
        for cell in range(cells):
            value = (row[cell] - centre) * factor
            # Written so that what is not a number stays none.
            value = layers.lowest if value < layers.lowest else value  # noqa: FURB136
            row[cell] = layers.highest if value > layers.highest else value  # noqa: FURB136


@compiled
def head_logits(told: Told, layers: Layers, first: int, out: Floats) -> None:
    """Write the logits of each network for the cells from number `first` on to `out`, [networks, cells].

    Cells are numbered along the items, user by user.
    """
    networks, width = layers.first_bias.shape
    seen = np.zeros((len(layers.centre), _TOGETHER), np.float32)
    hidden = np.empty((width, _TOGETHER), np.float32)
    unit, logits = np.empty(_TOGETHER, np.float32), np.empty(_TOGETHER, np.float32)
    for start in range(0, out.shape[1], _TOGETHER):
        cells = min(_TOGETHER, out.shape[1] - start)
        _look(told, layers, first + start, cells, seen)
        for network in range(networks):
            _mixed(layers.linear_weight[network], layers.out_bias[network], seen, logits)
            for to in range(width):
                row = hidden[to]
                _mixed(layers.first_weight[network, to], layers.first_bias[network, to], seen, row)
                for cell in range(_TOGETHER):
                    row[cell] = max(row[cell], _ZERO)
            for to in range(width):
                _mixed(layers.second_weight[network, to], layers.second_bias[network, to], hidden, unit)
                weight = layers.out_weight[network, to]
                for cell in range(_TOGETHER):
                    logits[cell] += weight * max(unit[cell], _ZERO)
            out[network, start : start + cells] = logits[:cells]
