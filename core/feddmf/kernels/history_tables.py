"""The tables of a history tower: sums over histories, their gradients, what pulls rows, and Adam with decay.

Source of Adam: Kingma and Ba (2015), algorithm 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled
from feddmf.kernels.pulling import Targets, add_pull

__all__ = ["add_pulls", "by_item", "step_adam", "sum_gradients", "sum_rows"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

_ONE = np.float32(1)
# Adam guards its denominator with it.
_EPS = np.float32(1e-8)


@compiled
def sum_rows(table: Floats, items: Codes, starts: Codes, weights: Floats, sums: Floats) -> None:
    """Fill sums [users, dim] with those of the rows of `table` in each history, times their weights.

    items, weights: [pairs]; starts: [users + 1], where each history begins.
    """
    for user in range(len(sums)):
        out = sums[user]
        out[:] = np.float32(0)
        for place in range(starts[user], starts[user + 1]):
            row, weight = table[items[place]], weights[place]
            for column in range(len(out)):
                out[column] += weight * row[column]


@compiled
def by_item(  # noqa: PLR0917  (kernels take no keywords)
    items: Codes, starts: Codes, weights: Floats, item_starts: Codes, owners: Codes, ordered: Floats
) -> None:
    """Sort the pairs of histories by item.

    item_starts: zeros [items + 1], filled with where each item's pairs begin in `owners`, the pairs' users,
    and `ordered`, their weights, [pairs] each. Users of an item come in ascending order.
    """
    for place in range(len(items)):
        item_starts[items[place] + 1] += 1
    for item in range(len(item_starts) - 1):
        item_starts[item + 1] += item_starts[item]
    for user in range(len(starts) - 1):
        for place in range(starts[user], starts[user + 1]):
            item = items[place]
            target = item_starts[item]
            owners[target], ordered[target] = user, weights[place]
            item_starts[item] = target + 1
    # Each start has moved to its end, which is the next one's start.
    for item in range(len(item_starts) - 1, 0, -1):
        item_starts[item] = item_starts[item - 1]
    item_starts[0] = 0


@compiled
def sum_gradients(
    of_users: Floats, item_starts: Codes, owners: Codes, weights: Floats, gradients: Floats
) -> None:
    """Fill gradients [items, dim] with the sums of `of_users` [users, dim] over the items' owners.

    item_starts: [items + 1] of these items, places in `owners` and `weights` as `by_item` made them.
    """
    for item in range(len(gradients)):
        out = gradients[item]
        out[:] = np.float32(0)
        for place in range(item_starts[item], item_starts[item + 1]):
            row, weight = of_users[owners[place]], weights[place]
            for column in range(len(out)):
                out[column] += weight * row[column]


@compiled
def add_pulls(gradients: Floats, rows: Floats, targets: Targets) -> None:
    """Add to gradients [items, dim] what pulls the rows [items, dim] of a table; `targets` are of these."""
    for item in range(len(rows)):
        add_pull(rows, item, targets, gradients, item)


@compiled
def step_adam(  # noqa: PLR0917  (kernels take no keywords)
    values: Floats, gradients: Floats, firsts: Floats, seconds: Floats, decay: float, constants: Floats
) -> None:
    """Take one step of Adam, in place; all arrays are flat. `decay` times the values counts as gradient.

    constants: beta_1, beta_2, the step's rate over 1 - beta_1^t, and 1 / sqrt(1 - beta_2^t).
    """
    first_share, second_share, rate, widening = constants[0], constants[1], constants[2], constants[3]
    shrink = np.float32(decay)
    for place in range(len(values)):
        value = values[place]
        gradient = gradients[place] + shrink * value
        first = first_share * firsts[place] + (_ONE - first_share) * gradient
        second = second_share * seconds[place] + (_ONE - second_share) * (gradient * gradient)
        firsts[place], seconds[place] = first, second
        values[place] = value - rate * first / (np.sqrt(second) * widening + _EPS)
