"""Training of two variant towers together. Product: `feddmf.history_training`, `feddmf.members.stage`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from benchmarks.towers.stages import Side
from benchmarks.towers.tower import VariantTower
from benchmarks.towers.variants import Variant
from torch import Tensor

from feddmf.alignment import unit_rows
from feddmf.history import START_STD
from feddmf.history_engines.base import BETAS
from feddmf.history_engines.torch_engine import TorchEngine
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.protocols.tables import TABLES
from feddmf.randomness import counter_seed
from feddmf.runfile import RunSettings
from feddmf.starts import keyed_normal
from feddmf.training import Pull

__all__ = ["Trained", "train"]

Floats = npt.NDArray[np.float32]

# Of a private layer, as a share of the rate of all others.
_LAYER_RATE = 0.3


@dataclass(frozen=True, eq=False)
class Trained:
    """users: float32 [users, dim]; shifts: [users]; vectors: [items, dim]; bias: [items]."""

    users: Floats
    shifts: Floats
    vectors: Floats
    bias: Floats


class VariantEngine(TorchEngine):
    """Takes the steps of the product's engine with the loss and the weights of a variant."""

    tower: VariantTower

    def __init__(self, model: VariantTower, side: Side, threads: int) -> None:
        super().__init__(model, side.data, side.seen, threads=threads)
        self._usual = float(_levels(side.data).mean())
        rates = {"extra.ids": model.variant.id_rate}
        groups = [
            {"params": [tensor], "share": rates.get(name, _LAYER_RATE if name.startswith("extra") else 1.0)}
            for name, tensor in model.named_parameters()
        ]
        self.optimizer = torch.optim.Adam(groups, betas=BETAS, fused=True)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step, of each group its share."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]

    def loss(self, users: npt.NDArray[np.int64], keep: Tensor | None) -> Tensor:
        """Return the summed loss of a batch by the variant; arguments as in the product."""
        batch, model, chosen = self._data.of_users(users), self.tower, torch.from_numpy(users)
        rows, items = (torch.from_numpy(each.astype(np.int64)) for each in (batch.rows(), batch.indices))
        counts = torch.from_numpy(batch.user_counts()).float()
        values = _levels(batch) / self._usual
        kept = values**model.variant.value_in * (1.0 if keep is None else keep)
        vectors = model.vectors_of(chosen, items, torch.from_numpy(batch.indptr[:-1]), counts, kept)
        logits = torch.addmm(model.bias, vectors, model.vectors.T) + model.shifts(counts)[:, None]
        at = rows * self._data.items + items
        return model.loss(logits, at, values**model.variant.value_out, self._seen)


def train(sides: tuple[Side, Side], settings: RunSettings, variant: Variant) -> tuple[Trained, Trained]:
    """Train the towers of both sides, an alignment after each exchange's steps, and return what they are."""
    (here, of_here), (there, of_there) = (_trained_by(side, settings, variant) for side in sides)
    aligned = [torch.from_numpy(side.aligned) for side in sides]
    pulls: list[dict[str, Pull]] = [{}, {}]
    rounds = _rounds(settings, variant)
    for number in range(rounds):
        for trainer, pull in zip((of_here, of_there), pulls, strict=True):
            trainer.train(*trainer.span(number), pull)
        if variant.align == "tie":
            _tie(here, there, *aligned)
        elif variant.align == "cosine":
            pulls = [
                _pulls(there, aligned[1], aligned[0], variant.beta),
                _pulls(here, aligned[0], aligned[1], variant.beta),
            ]
    return _trained(here, sides[0]), _trained(there, sides[1])


def _rounds(settings: RunSettings, variant: Variant) -> int:
    return variant.rounds or settings.rounds


def _trained_by(side: Side, settings: RunSettings, variant: Variant) -> tuple[VariantTower, HistoryTrainer]:
    """Return the tower of a side, as it starts, and its trainer."""
    dim = variant.dim or settings.model.embedding_dim
    given = settings.training
    changed = {
        "learning_rate": given.learning_rate * variant.rate,
        "epochs": max(1, round(given.epochs * variant.epochs)),
    }
    model = settings.model
    if variant.dropout is not None:
        model = model.model_copy(update={"dropout": variant.dropout})
    settings = settings.model_copy(update={"training": given.model_copy(update=changed), "model": model})
    starts = keyed_normal(side.company.keys.tolist(), 2 * dim, START_STD, settings.seed).astype(np.float32)
    contexts, vectors = (torch.from_numpy(np.ascontiguousarray(each)) for each in np.split(starts, 2, 1))
    draws = torch.Generator().manual_seed(counter_seed(settings.seed, "layer", side.company.party) % 2**63)
    tower = VariantTower(contexts, vectors, side.data, variant, draws)
    return tower, HistoryTrainer(
        tower,
        side.data,
        side.seen,
        settings.training,
        dropout=settings.model.dropout,
        rounds=_rounds(settings, variant),
        address=(settings.seed, side.company.party, side.name),
        engine=VariantEngine(tower, side, settings.training.threads),
    )


@torch.no_grad()
def _tie(here: VariantTower, there: VariantTower, codes: Tensor, others: Tensor) -> None:
    for name in TABLES:
        table, other = getattr(here, name), getattr(there, name)
        mean = (table[codes] + other[others]) / 2
        table[codes], other[others] = mean, mean


@torch.no_grad()
def _pulls(peer: VariantTower, at_peer: Tensor, at_home: Tensor, beta: float) -> dict[str, Pull]:
    single = torch.ones(len(at_home), dtype=torch.bool)
    return {
        name: Pull(
            codes=at_home,
            targets=torch.from_numpy(unit_rows(getattr(peer, name)[at_peer].numpy())),
            single_peer=single,
            scale=beta / len(at_home),
            margin=0.0,
        )
        for name in TABLES
    }


def _levels(data: Interactions) -> Tensor:
    """Return 1 + ln of each pair's value, [pairs]; values under 1 count as 1."""
    return 1 + torch.from_numpy(data.values).clamp_min(1).log()


def _trained(model: VariantTower, side: Side) -> Trained:
    counts = torch.from_numpy(side.data.user_counts()).float()
    levels = _levels(side.data)
    weights = (levels / levels.mean()) ** model.variant.value_in
    return Trained(
        users=model.all_vectors(side.data, weights),
        shifts=model.shifts(counts).detach().numpy(),
        vectors=model.vectors.detach().numpy(),
        bias=model.bias.detach().numpy(),
    )
