"""The networks of a head, for many cells at once; see `feddmf.head.Head` for the equation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.head import Told
from feddmf.kernels.compiling import compiled, inlined
from feddmf.kernels.lanes import LANES, count, full, project

__all__ = ["Layers", "head_logits"]

Floats = npt.NDArray[np.float32]

# Cells that go through a head together: their activations stay in the first cache.
_TOGETHER = 512
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


@inlined
def _weighed(weight: Floats, bias: float, seen: Floats, out: Floats) -> None:
    """Write the sum of weight [features] times seen [features, cells], and the bias, to `out`, [cells]."""
    a, b, c, d, e = seen[0], seen[1], seen[2], seen[3], seen[4]
    for cell in range(len(out)):
        out[cell] = bias + (
            weight[0] * a[cell]
            + weight[1] * b[cell]
            + weight[2] * c[cell]
            + weight[3] * d[cell]
            + weight[4] * e[cell]
        )


@inlined
def _see(w: Floats, bias: Floats, seen: Floats, units: Floats) -> None:
    """Write relu(w [LANES, features] times seen [features, cells] + bias) to `units`, [LANES, cells]."""
    a, b, c, d, e = seen[0], seen[1], seen[2], seen[3], seen[4]
    first, second, third, fourth = units[0], units[1], units[2], units[3]
    for cell in range(len(first)):
        f, g, h, i, j = a[cell], b[cell], c[cell], d[cell], e[cell]
        of_first = bias[0] + w[0, 0] * f + w[0, 1] * g + w[0, 2] * h + w[0, 3] * i + w[0, 4] * j
        of_second = bias[1] + w[1, 0] * f + w[1, 1] * g + w[1, 2] * h + w[1, 3] * i + w[1, 4] * j
        of_third = bias[2] + w[2, 0] * f + w[2, 1] * g + w[2, 2] * h + w[2, 3] * i + w[2, 4] * j
        of_fourth = bias[3] + w[3, 0] * f + w[3, 1] * g + w[3, 2] * h + w[3, 3] * i + w[3, 4] * j
        first[cell], second[cell] = max(of_first, _ZERO), max(of_second, _ZERO)
        third[cell], fourth[cell] = max(of_third, _ZERO), max(of_fourth, _ZERO)


@compiled
def head_logits(told: Told, layers: Layers, first: int, out: Floats) -> None:
    """Write the logits of each network for the cells from number `first` on to `out`, [networks, cells].

    Cells are numbered along the items, user by user; features are those of `feddmf.head.FEATURES`.
    """
    networks, some = layers.first_bias.shape
    # What is beyond the last unit is zero, and counts nothing.
    width = full(some)
    first_weight = np.zeros((networks, width, len(layers.centre)), np.float32)
    second_weight = np.zeros((networks, width, width), np.float32)
    first_bias, second_bias, out_weight = np.zeros((3, networks, width), np.float32)
    first_weight[:, :some], second_weight[:, :some, :some] = layers.first_weight, layers.second_weight
    first_bias[:, :some], second_bias[:, :some] = layers.first_bias, layers.second_bias
    out_weight[:, :some] = layers.out_weight
    seen = np.zeros((len(layers.centre), _TOGETHER), np.float32)
    hidden, units = np.empty((width, _TOGETHER), np.float32), np.empty((LANES, _TOGETHER), np.float32)
    logits = np.empty(_TOGETHER, np.float32)
    for start in range(0, out.shape[1], _TOGETHER):
        cells = min(_TOGETHER, out.shape[1] - start)
        _look(told, layers, first + start, cells, seen)
        for network in range(networks):
            _weighed(layers.linear_weight[network], layers.out_bias[network], seen, logits)
            for unit in range(0, width, LANES):
                here = slice(unit, unit + LANES)
                _see(first_weight[network, here], first_bias[network, here], seen, hidden[here])
            for unit in range(0, width, LANES):
                here = slice(unit, unit + LANES)
                units[:] = _ZERO
                project(second_weight[network, here], hidden, units)
                count(units, second_bias[network, here], out_weight[network, here], logits)
            out[network, start : start + cells] = logits[:cells]
