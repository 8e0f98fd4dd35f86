"""Training steps of a DeepMF with a vector a user: eq. 2 and its gradient by hand, eq. 4, Adam.

The first layer splits (`feddmf.model`), so each row of a table that a step touches is projected once, and the
gradients of its projections are summed over its samples before they go back through the layer.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.kernels.adam import Moments, adam_row, adam_scale, idle_row
from feddmf.kernels.compiling import compiled, inlined
from feddmf.kernels.counters import keep_threshold, mix32, step_keys
from feddmf.kernels.pulling import Targets, add_pull
from feddmf.kernels.rows import project_rows, weight_gradient
from feddmf.kernels.sampling import Batch

__all__ = ["Layers", "Plan", "Table", "take_steps"]

Floats = npt.NDArray[np.float32]


class Table(NamedTuple):
    """A table of vectors, and room for those rows of it that a step touches.

    tensor: [rows, dim]; slots: int32 [rows], -1 between steps; touched: int32 [room]; vectors, gradients:
    [room, dim]; projected, errors: [room, hidden]; weight: [hidden, dim], its half of the first layer;
    turned: [dim, hidden], its transpose; slope: [hidden, dim], the gradient of the weight; part: as `slope`.
    """

    tensor: Moments
    slots: npt.NDArray[np.int32]
    touched: npt.NDArray[np.int32]
    vectors: Floats
    gradients: Floats
    projected: Floats
    errors: Floats
    weight: Moments
    turned: Floats
    slope: Floats
    part: Floats


class Layers(NamedTuple):
    """Bias and output weight [1, hidden], output bias [1, 1], and their gradients.

    hidden: [1, hidden], room for the activations of one sample.
    """

    bias: Moments
    out_weight: Moments
    out_bias: Moments
    bias_slope: Floats
    out_weight_slope: Floats
    out_bias_slope: Floats
    hidden: Floats


class Plan(NamedTuple):
    """What stays the same from step to step.

    key: uint64 of the dropout masks; dropout: rate; learning_rate: of Adam; lazy: whether rows that a step
    does not touch stay as they are.
    """

    key: Any
    dropout: float
    learning_rate: float
    lazy: bool


@compiled
def _touch(table: Table, codes: npt.NDArray[np.int64], first: int, last: int) -> int:
    """Give each row that samples first..last-1 touch a slot, and project it; return the number of slots."""
    count = 0
    values = table.tensor.values
    for sample in range(first, last):
        row = codes[sample]
        if table.slots[row] < 0:
            table.slots[row] = count
            table.touched[count] = row
            for column in range(values.shape[1]):
                table.vectors[count, column] = values[row, column]
            count += 1
    for at in range(table.turned.shape[1]):
        for column in range(table.turned.shape[0]):
            table.turned[column, at] = table.weight.values[at, column]
    project_rows(table.vectors, table.turned, count, table.projected)
    for slot in range(count):
        for at in range(table.errors.shape[1]):
            table.errors[slot, at] = 0
    return count


@inlined
def _sample(  # noqa: PLR0917  (kernels take no keywords)
    users: Table, items: Table, layers: Layers, user: int, item: int, label: Any, share: Any, drop: Any
) -> Any:
    """Add the gradient of one sample, at slots `user` and `item`; return its squared error.

    share: 2 / samples of the step; drop: dropout's threshold, scale, keys, and the counter of the first unit.
    """
    threshold, kept, first_key, second_key, counter = drop
    hidden, weight = layers.hidden, layers.out_weight.values
    width = hidden.shape[1]
    logit = np.float32(0)
    for at in range(width):
        sum_ = users.projected[user, at] + items.projected[item, at] + layers.bias.values[0, at]
        hidden[0, at] = np.float32(0) if sum_ <= 0 else sum_
    if threshold > 0:
        for at in range(width):
            if mix32(np.uint32(counter + np.uint32(at)), first_key, second_key) < threshold:
                hidden[0, at] = 0
    for at in range(width):
        logit += hidden[0, at] * weight[0, at]
    predicted = np.float32(1) / (np.float32(1) + math.exp(-(logit * kept + layers.out_bias.values[0, 0])))
    error = predicted - label
    slope = share * error * predicted * (np.float32(1) - predicted)
    layers.out_bias_slope[0, 0] += slope
    slope *= kept
    for at in range(width):
        layers.out_weight_slope[0, at] += slope * hidden[0, at]
    for at in range(width):
        passed = slope * weight[0, at] if hidden[0, at] != 0 else np.float32(0)
        users.errors[user, at] += passed
        items.errors[item, at] += passed
    return error * error


@compiled
def _gradients(  # noqa: PLR0917  (kernels take no keywords)
    users: Table, items: Table, layers: Layers, batch: Batch, first: int, last: int, step: Any, plan: Plan
) -> Any:
    """Compute the gradient of eq. 2 over samples first..last-1; return slots of either table, and errors."""
    user_slots = _touch(users, batch.users, first, last)
    item_slots = _touch(items, batch.items, first, last)
    first_key, second_key = step_keys(plan.key, step)
    threshold = keep_threshold(plan.dropout)
    kept = np.float32(1 / (1 - plan.dropout))
    width = layers.hidden.shape[1]
    layers.out_weight_slope[:] = 0
    layers.out_bias_slope[:] = 0
    layers.bias_slope[:] = 0
    share = np.float32(2 / (last - first))
    total = 0.0
    for sample in range(first, last):
        user, item = users.slots[batch.users[sample]], items.slots[batch.items[sample]]
        counter = np.uint32((sample - first) * width)
        drop = (threshold, kept, first_key, second_key, counter)
        total += _sample(users, items, layers, user, item, batch.labels[sample], share, drop)
    for slot in range(user_slots):
        for at in range(width):
            layers.bias_slope[0, at] += users.errors[slot, at]
    for table, slots in ((users, user_slots), (items, item_slots)):
        weight_gradient(table.errors, table.vectors, slots, table.slope, table.part)
        project_rows(table.errors, table.weight.values, slots, table.gradients)
    return user_slots, item_slots, total


@compiled
def _step_rows(table: Table, slots: int, targets: Targets, scale: Any, lazy: bool) -> None:
    """Step on the rows of a table, and forget the slots."""
    tensor = table.tensor
    if lazy:
        for slot in range(slots):
            row = table.touched[slot]
            add_pull(tensor.values, row, targets, table.gradients, slot)
            adam_row(tensor, row, table.gradients, slot, scale)
    else:
        spare = len(table.gradients) - 1
        for row in range(len(tensor.values)):
            slot = table.slots[row]
            if slot < 0 and targets.places[row] < 0:
                idle_row(tensor, row, scale)
                continue
            if slot < 0:
                slot = spare
                for column in range(tensor.values.shape[1]):
                    table.gradients[slot, column] = 0
            add_pull(tensor.values, row, targets, table.gradients, slot)
            adam_row(tensor, row, table.gradients, slot, scale)
    for slot in range(slots):
        table.slots[table.touched[slot]] = -1


@compiled
def take_steps(  # noqa: PLR0917  (kernels take no keywords)
    users: Table,
    items: Table,
    layers: Layers,
    batch: Batch,
    starts: npt.NDArray[np.int64],
    first: int,
    taken: int,
    free: Targets,
    targets: Targets,
    plan: Plan,
) -> float:
    """Take a step for each two neighbours of `starts`, on the samples between; return the squared errors.

    first: number of the first step; taken: steps that Adam has taken before; free: the users' targets, none.
    """
    total = 0.0
    for at in range(len(starts) - 1):
        step = np.uint64(first + at)
        user_slots, item_slots, errors = _gradients(
            users, items, layers, batch, starts[at], starts[at + 1], step, plan
        )
        total += errors
        scale = adam_scale(taken + at + 1, plan.learning_rate)
        _step_rows(users, user_slots, free, scale, plan.lazy)
        _step_rows(items, item_slots, targets, scale, plan.lazy)
        for row in range(len(users.slope)):
            adam_row(users.weight, row, users.slope, row, scale)
            adam_row(items.weight, row, items.slope, row, scale)
        adam_row(layers.bias, 0, layers.bias_slope, 0, scale)
        adam_row(layers.out_weight, 0, layers.out_weight_slope, 0, scale)
        adam_row(layers.out_bias, 0, layers.out_bias_slope, 0, scale)
    return total
