"""Fitting a party's head for a peer on hidden cells, and what it says of cells it was not fitted on; torch.

The items are dealt into folds, and one network is fitted without each. The head is the mean of these, and a
hidden cell's probability out of its fold is that of the one network that never saw its item, so that no
further fit is needed. Source: cross-validation committees, Parmanto, Munro and Doyle (1996), after bagging.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.evaluation import threshold_best
from feddmf.head import FEATURES, Head
from feddmf.randomness import counter_seed, generator

__all__ = ["FEWEST_CELLS", "FEWEST_ITEMS", "FittedHead", "fit_head"]

Floats = npt.NDArray[np.float32]
Networks = dict[str, Tensor]  # by the names and in the shapes of Head's arrays

FEWEST_CELLS = 20
"""Positive cells under which there is no head, and negative ones."""
FEWEST_ITEMS = 5
"""Items with a positive cell under which there is no head: each fold is to hold one."""

# Below it layers learn the few positives by heart, and out of fold the logistic regression alone does better.
_FEWEST_FOR_LAYERS = 150
_FOLDS = 5
_WIDTH = 16
_STEPS = 600
_BATCH = 1024
_RATE = 1e-2
_DECAY = 1e-4
# More cells than these add nothing to a head of four features, and would take their time.
_MOST_CELLS = 1_000_000
_NEWTON_STEPS = 30
_NEWTON_ENOUGH = 1e-4
# Of the logistic regression's weights on standardised features: keeps them finite where a feature parts all.
_RIDGE = 1.0
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head, and the probabilities of the hidden cells by networks that did not see their items.

    out_of_fold: float32 [cells], in the order of the cells given.
    """

    head: Head
    out_of_fold: Floats


def fit_head(
    features: npt.NDArray[np.floating],
    truth: npt.NDArray[np.bool_],
    items: npt.NDArray[np.int64],
    *,
    seed: int,
    address: str,
    threads: int,
) -> FittedHead | None:
    """Fit a head on hidden cells: features [cells, FEATURES], the truth and the items' codes [cells].

    address: whose items they are, part of every draw; threads: those of torch, part of bit-identity. None
    where there are fewer than FEWEST_CELLS positive or negative cells, or FEWEST_ITEMS items with a positive
    one. Raises ValueError where lengths differ or a feature is not finite.
    """
    _check(features, truth, items)
    if min(truth.sum(), (~truth).sum()) < FEWEST_CELLS or len(np.unique(items[truth])) < FEWEST_ITEMS:
        return None
    torch.set_num_threads(threads)
    draws = generator(seed, "head", address, "cells")
    taken = _sample(truth, draws)
    folds = _deal(items, truth, draws)  # [cells]
    centre, factor = _standard(features[taken])
    blank = Head(float("nan"), centre, factor, **_arrays(_start(1, 0, seed, address)))
    seen = blank.standardised(features[taken])
    others = [np.flatnonzero(folds[taken] != fold) for fold in range(_FOLDS)]
    networks = _fit_networks(seen, truth[taken], others, seed, address)
    out_of_fold = np.empty(len(truth), dtype=np.float32)
    for fold in range(_FOLDS):
        alone = {name: tensor[fold : fold + 1] for name, tensor in networks.items()}
        inside = folds == fold
        out_of_fold[inside] = Head(np.nan, centre, factor, **_arrays(alone)).probabilities(features[inside])
    threshold = threshold_best(truth, out_of_fold)
    return FittedHead(Head(threshold, centre, factor, **_arrays(networks)), out_of_fold)


def _check(
    features: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_], items: npt.NDArray[np.int64]
) -> None:
    if features.shape != (len(truth), len(FEATURES)) or items.shape != truth.shape:
        raise ValueError(f"features, truth, items are {features.shape}, {truth.shape}, {items.shape}")
    if truth.dtype != np.bool_:
        raise ValueError(f"truth is {truth.dtype}, not bool")
    if not np.isfinite(features).all():
        raise ValueError("a feature is not finite")


def _sample(truth: npt.NDArray[np.bool_], draws: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the cells that enter the fit, ascending: all, or _MOST_CELLS drawn alike from each kind."""
    if len(truth) <= _MOST_CELLS:
        return np.arange(len(truth))
    share = _MOST_CELLS / len(truth)
    kinds = [np.flatnonzero(truth), np.flatnonzero(~truth)]
    chosen = [
        draws.choice(kind, max(FEWEST_CELLS, round(share * len(kind))), replace=False) for kind in kinds
    ]
    return np.sort(np.concatenate(chosen))


def _deal(
    items: npt.NDArray[np.int64], truth: npt.NDArray[np.bool_], draws: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the fold of each cell, [cells]: that of its item; items with a positive cell are dealt first."""
    known, place = np.unique(items, return_inverse=True)
    positive = np.bincount(place, weights=truth, minlength=len(known)) > 0
    order = np.argsort(~positive + draws.random(len(known)) / 2, kind="stable")
    folds = np.empty(len(known), dtype=np.int64)
    folds[order] = np.arange(len(known)) % _FOLDS
    dealt: npt.NDArray[np.int64] = folds[place]
    return dealt


def _standard(features: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return the mean of each feature and one over its deviation, 0 for a feature that does not vary."""
    centre, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    varies = spread > _STILL * (1 + np.abs(centre))
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    return centre.astype(np.float32), factor.astype(np.float32)


def _fit_networks(
    seen: Floats,
    truth: npt.NDArray[np.bool_],
    parts: list[npt.NDArray[np.int64]],
    seed: int,
    address: str,
) -> Networks:
    """Return a network fitted on each part of the cells, by their positions in `seen` and `truth`."""
    width = _WIDTH if truth.sum() >= _FEWEST_FOR_LAYERS else 0
    networks = _start(len(parts), width, seed, address)
    for number, part in enumerate(parts):
        weight, bias = _logistic(seen[part], truth[part])
        networks["linear_weight"][number] = torch.from_numpy(weight)
        networks["out_bias"][number] = bias
    if width:
        batches = [
            part[
                generator(seed, "head", address, "batches", number).integers(len(part), size=(_STEPS, _BATCH))
            ]
            for number, part in enumerate(parts)
        ]
        _train(networks, torch.from_numpy(seen), torch.from_numpy(truth), np.stack(batches, axis=1))
    return networks


def _start(networks: int, width: int, seed: int, address: str) -> Networks:
    """Return layers drawn uniformly within 1/sqrt(fan in), the last ones a tenth of it; no linear part."""
    draws = torch.Generator().manual_seed(counter_seed(seed, "head", address, "start") % 2**63)

    def uniform(*shape: int, fan_in: int, size: float = 1.0) -> Tensor:
        bound: float = size * max(1, fan_in) ** -0.5
        return (torch.rand(networks, *shape, generator=draws) * 2 - 1) * bound

    known = len(FEATURES)
    return {
        "linear_weight": torch.zeros(networks, known),
        "out_bias": torch.zeros(networks),
        "first_weight": uniform(width, known, fan_in=known),
        "first_bias": uniform(width, fan_in=known),
        "second_weight": uniform(width, width, fan_in=width),
        "second_bias": uniform(width, fan_in=width),
        "out_weight": uniform(width, fan_in=width, size=0.1),
    }


def _logistic(seen: Floats, truth: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return weights [features] and bias of a ridge logistic regression, by Newton's method in float64."""
    rows = np.column_stack([seen, np.ones(len(seen), dtype=np.float32)]).astype(np.float64)
    penalty = np.diag([_RIDGE] * seen.shape[1] + [0.0])
    base = (truth.sum() + 0.5) / (len(truth) + 1)
    found = np.append(np.zeros(seen.shape[1]), np.log(base / (1 - base)))
    loss = _penalised_loss(rows, truth, found)
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-rows @ found))
        gradient = rows.T @ (chance - truth) + penalty @ found
        curvature = (rows * (chance * (1 - chance))[:, None]).T @ rows + penalty
        step = np.linalg.solve(curvature + _STILL * np.eye(len(found)), gradient)
        length = 1.0
        while (shorter := _penalised_loss(rows, truth, found - length * step)) > loss and length > _STILL:
            length /= 2
        found, before, loss = found - length * step, loss, min(loss, shorter)
        if before - loss < _NEWTON_ENOUGH:
            break
    return found[:-1].astype(np.float32), float(found[-1])


def _penalised_loss(
    rows: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], found: npt.NDArray[np.float64]
) -> float:
    logits = rows @ found
    return float(
        np.logaddexp(0, np.where(truth, -logits, logits)).sum() + _RIDGE / 2 * (found[:-1] ** 2).sum()
    )


def _train(networks: Networks, seen: Tensor, truth: Tensor, batches: npt.NDArray[np.int64]) -> None:
    """Fit all networks side by side, in place, on batches [steps, networks, batch] of cells."""
    for tensor in networks.values():
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(list(networks.values()), lr=_RATE, weight_decay=_DECAY)
    labels = truth.to(seen.dtype)
    for step, batch in enumerate(torch.from_numpy(batches)):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / len(batches))
        optimizer.zero_grad()
        logits = _logits(networks, seen[batch])  # [networks, batch]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[batch], reduction="none")
        losses.mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()


def _logits(networks: Networks, seen: Tensor) -> Tensor:
    """Return the logits of each network, [networks, cells], for what it sees, [networks, cells, features]."""
    hidden = torch.relu(seen @ networks["first_weight"].mT + networks["first_bias"][:, None])
    hidden = torch.relu(hidden @ networks["second_weight"].mT + networks["second_bias"][:, None])
    outs: Tensor = hidden @ networks["out_weight"][..., None] + seen @ networks["linear_weight"][..., None]
    logits: Tensor = outs[..., 0] + networks["out_bias"][:, None]
    return logits


def _arrays(networks: Networks) -> dict[str, Floats]:
    return {name: tensor.detach().numpy().copy() for name, tensor in networks.items()}
