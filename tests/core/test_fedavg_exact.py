"""Federated averaging is a plain loop in one process: local Adam steps, then a mean item by item (eq. 3).

The reference is written down here: the network of figure 4 over the concatenation [p; q], MSE, one Adam a
party, and after each round the mean of the item rows over those who sell the item and of the layers over
all. It takes the start of the members and the samples of the sampler, and nothing else of the product.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from feddmf.sampling import Sampler
from feddmf.simulation import simulate
from support.runs import SIXTEEN, SmallRun, catalogue_of, small_run, subset_catalogue, taste_table

ROUNDS = 6
LAYERS = ("user_weight", "item_weight", "bias", "out_weight", "out_bias")
Arrays = dict[str, Tensor]


def make_run(parties: int, weighting: str, *, masks: bool = False) -> SmallRun:
    """Return a run in which parties have unequal steps; of three parties acme and cargo share nothing."""
    names = SIXTEEN[:parties]
    if parties == 3:
        owners = {f"m{n:02}": ("acme", "bolt") if n % 2 else ("bolt", "cargo") for n in range(12)}
        catalogue = catalogue_of(owners, names, own=3)
    else:
        catalogue = subset_catalogue(names, shared=12, own=3)
    run = small_run(
        parties,
        catalogue=catalogue,
        users=25,
        each=4,
        protocol="fedavg",
        masks=masks,
        model={"embedding_dim": 5, "hidden_dim": 7, "dropout": 0.0},
        training={"epochs": 3, "batch_size": 64, "negatives": 2, "learning_rate": 0.01},
        fedavg={"weighting": weighting, "syncs_per_epoch": 2},
    )
    # The last party has fewer users than the others.
    last = names[-1]
    fewer = taste_table(run.items[last].view.keys, 8, 4, np.random.default_rng(9))
    return replace(run, tables={**run.tables, last: fewer})


def ends(run: SmallRun) -> dict[str, Arrays]:
    """Take a run through the protocol; return each party's arrays."""
    members = run.members()
    simulate(run.plan, run.rows, members)
    return {party: as_tensors(member.model_arrays()) for party, member in members.items()}


def as_tensors(arrays: Any) -> Arrays:
    """Return copies of arrays as tensors."""
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def plain_loop(run: SmallRun) -> dict[str, Arrays]:
    """Train all parties in one loop and average by numpy."""
    settings, seed = run.plan.settings.training, run.plan.settings.seed
    models, optimizers, samplers = {}, {}, {}
    for party, member in run.members().items():
        models[party] = {
            name: each.requires_grad_() for name, each in as_tensors(member.model_arrays()).items()
        }
        optimizers[party] = torch.optim.Adam(models[party].values(), lr=settings.learning_rate)
        samplers[party] = Sampler(run.tables[party], negatives=2, seed=seed, party=party)
    for number in range(ROUNDS):
        for party, model in models.items():
            local_steps(model, optimizers[party], samplers[party], number)
        weights = dict.fromkeys(models, 1.0)
        if run.plan.settings.fedavg.weighting == "samples":
            weights = {party: float(sampler.samples) for party, sampler in samplers.items()}
        average(run, models, weights)
    return {party: {name: array.detach() for name, array in model.items()} for party, model in models.items()}


def local_steps(model: Arrays, optimizer: torch.optim.Adam, sampler: Sampler, number: int) -> None:
    """Take one party's steps of a round: its share of 3 epochs of batches of 64."""
    steps = -(-sampler.samples // 64)
    for step in range(3 * steps * number // ROUNDS, 3 * steps * (number + 1) // ROUNDS):
        start = step % steps * 64
        batch = sampler.batch(step // steps, start, min(start + 64, sampler.samples))
        users, items, labels = (torch.from_numpy(part) for part in batch)
        pair = torch.cat([model["tower.vectors"][users], model["items"][items]], dim=1)
        weight = torch.cat([model["user_weight"], model["item_weight"]], dim=1)
        hidden = torch.relu(torch.nn.functional.linear(pair, weight, model["bias"]))
        predicted = torch.sigmoid(hidden @ model["out_weight"] + model["out_bias"])
        loss = torch.nn.functional.mse_loss(predicted, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def average(run: SmallRun, models: dict[str, Arrays], weights: dict[str, float]) -> None:
    """Overwrite item rows by their mean over who sells the item, and layers by theirs over all."""
    views = {party: run.catalogue.view(party) for party in models}
    with torch.no_grad():
        for name in LAYERS:
            layers = [model[name].numpy() for model in models.values()]
            mean = torch.from_numpy(np.average(layers, axis=0, weights=list(weights.values())).copy())
            for model in models.values():
                model[name].copy_(mean)
        for key in run.catalogue.labels:
            sellers = {party: view.keys.index(key) for party, view in views.items() if key in view.keys}
            rows = [models[party]["items"][code].numpy() for party, code in sellers.items()]
            mean = np.average(rows, axis=0, weights=[weights[party] for party in sellers])
            for party, code in sellers.items():
                models[party]["items"][code] = torch.from_numpy(mean)


@pytest.mark.parametrize("weighting", ["uniform", "samples"])
@pytest.mark.parametrize("parties", [2, 3, 5])
def test_a_run_is_the_plain_loop(parties: int, weighting: str) -> None:
    """After six rounds each array of each party is that of the loop, to 1e-5 where it moved by over 0.01."""
    run = make_run(parties, weighting)
    assert run.plan.settings.rounds == ROUNDS
    starts = {party: as_tensors(member.model_arrays()) for party, member in run.members().items()}
    found = ends(run)
    for party, expected in plain_loop(run).items():
        for name, array in expected.items():
            assert (array - starts[party][name]).abs().max() > 0.01
            torch.testing.assert_close(found[party][name], array, rtol=0, atol=1e-5)


def test_the_weighting_makes_a_difference() -> None:
    """A party with a third of the samples counts for a third as much, not the same."""
    uniform, samples = ends(make_run(2, "uniform")), ends(make_run(2, "samples"))
    assert (uniform["acme"]["bias"] - samples["acme"]["bias"]).abs().max() > 1e-3


@pytest.mark.parametrize("weighting", ["uniform", "samples"])
@pytest.mark.parametrize("parties", [2, 3, 5])
def test_masks_change_nothing_but_what_is_seen(parties: int, weighting: str) -> None:
    """A masked run ends where the same run in the open does, to 1e-6."""
    plain, hidden = ends(make_run(parties, weighting)), ends(make_run(parties, weighting, masks=True))
    for party, arrays in plain.items():
        for name, array in arrays.items():
            torch.testing.assert_close(hidden[party][name], array, rtol=0, atol=1e-6)
