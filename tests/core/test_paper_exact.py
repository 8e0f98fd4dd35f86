"""A run of the paper's recipe is the paper's training: eq. 2, 4 and 5 in one process, by autograd.

The reference is written down here from the paper alone: the network over the concatenation [p; q], MSE,
L_emb = beta/|P| * sum of max(1 - cos, m), and one Adam a party on L_MSE + L_emb. The run goes through
members, protocol and round table, with an exchange at every step.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.catalogue.table import Catalogue
from feddmf.engines import torch_engine
from feddmf.members.base import Reply, drive
from feddmf.members.feddmf import FedDMFMember
from feddmf.payload import Payload
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.protocols.feddmf import FedDMF
from feddmf.rounds import RoundRecord, RoundTable
from support.runs import PARTIES, run_settings, taste_table

STEPS = 200
BETA, MARGIN, LEARNING_RATE = 100.0, 0.2, 1e-3
# Around the hinge float32 decides by rounding whether a pair is active.
NEAR_HINGE = 1e-5

Tables = dict[str, Tensor]


@dataclass
class Traced:
    """A run with everything it did at each step."""

    items: Mapping[str, PartyItems]
    members: Mapping[str, FedDMFMember]
    start: dict[str, dict[str, Tensor]]
    tables: list[Tables] = field(default_factory=list)  # at each exchange, before the step behind it
    applied: list[dict[str, Tensor]] = field(default_factory=list)  # gradient of eq. 4 at each step, by torch
    records: list[RoundRecord] = field(default_factory=list)


def make_members(
    parties: int, engine: str
) -> tuple[Plan, Catalogue, dict[str, FedDMFMember], dict[str, PartyItems]]:
    """Return a run of the paper's recipe in which all parties take the same number of steps.

    Items are shared by all, by two of them, or by one alone.
    """
    names = PARTIES[:parties]
    pairs = list(itertools.combinations(names, 2))
    owners = {f"all-{n:02}": names for n in range(6)}
    owners |= {f"two-{n:02}": pairs[n % len(pairs)] for n in range(9)}
    owners |= {f"{name}-{n}": (name,) for name in names for n in range(3)}
    columns = {name: {key: key for key, who in owners.items() if name in who} for name in names}
    catalogue = Catalogue(1, dict.fromkeys(owners, ""), columns)
    settings = run_settings(
        names,
        recipe="paper",
        training={"epochs": 20, "engine": engine},
        alignment={"syncs_per_epoch": 10, "max_rounds": STEPS},
    )
    assert (settings.alignment.beta, settings.alignment.margin) == (BETA, MARGIN)
    plan = Plan(run="exact-1", catalogue=catalogue.digest(), settings=settings)
    items = {name: PartyItems(plan, catalogue.view(name)) for name in names}
    generator = np.random.default_rng(11)
    members = {}
    for name in names:
        table = taste_table(items[name].view.keys, 40, 4, generator)  # 160 pairs: 10 steps of 32 an epoch
        members[name] = FedDMFMember(items[name], table, ())
        assert members[name]._trainer.total_steps == STEPS
    return plan, catalogue, members, items


def trace(parties: int, engine: str) -> Traced:
    """Take a run through all its rounds and keep what each step did."""
    plan, catalogue, members, items = make_members(parties, engine)
    start = {
        name: {key: array.clone() for key, array in member.model.arrays().items()}
        for name, member in members.items()
    }
    traced = Traced(items, members, start)
    protocol = FedDMF()
    table = RoundTable(protocol, plan, matched_rows(catalogue, plan), on_round=traced.records.append)
    gradients: list[Tensor] = []

    def recording(vectors: Tensor, targets: Tensor, **settings: float) -> Tensor:
        gradients.append(alignment_gradient(vectors, targets, **settings))
        return gradients[-1]

    async def take_part(name: str) -> None:
        async def exchange(phase: str, number: int, payload: Payload) -> Reply:
            place = number if phase == "align" else STEPS
            if len(traced.tables) == place:
                traced.tables.append({})
                traced.applied.append({})
            traced.tables[place][name] = members[name].model.items.detach().clone()
            if place and gradients:  # the step before this exchange has applied the last recorded gradient
                traced.applied[place - 1][name] = gradients.pop()
            return await table.exchange(name, phase, number, payload)

        await drive(members[name], protocol.phases(plan), exchange)

    async def everybody() -> None:
        async with asyncio.TaskGroup() as group:
            for name in plan.roster:
                group.create_task(take_part(name))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_engine, "alignment_gradient", recording)
        asyncio.run(everybody())
    assert not gradients
    return traced


@pytest.fixture(scope="module", params=[2, 3])
def parties(request: pytest.FixtureRequest) -> int:
    """Return two, and three parties."""
    count: int = request.param
    return count


@pytest.fixture(scope="module")
def recorded(parties: int) -> Traced:
    """Return the traced run by torch, whose gradients are seen."""
    return trace(parties, "torch")


@pytest.fixture(scope="module", params=["torch", "compiled"])
def traced(request: pytest.FixtureRequest, parties: int, recorded: Traced) -> Traced:
    """Return the traced run of either engine."""
    return recorded if request.param == "torch" else trace(parties, request.param)


def shared_codes(items: Mapping[str, PartyItems]) -> list[tuple[str, str, list[int], list[int]]]:
    """Return for each pair of parties the codes, at either, of the items that both sell."""
    found = []
    for a, b in itertools.combinations(sorted(items), 2):
        keys = sorted(set(items[a].view.keys) & set(items[b].view.keys))
        at_a, at_b = (items[party].codes(tuple(keys)).tolist() for party in (a, b))
        found.append((a, b, at_a, at_b))
    return found


def embedding_loss(tables: Tables, items: Mapping[str, PartyItems]) -> tuple[Tensor, Tensor]:
    """Return eq. 4 literally, over item tables [items, dim], and the cosines of all pairs."""
    cosines = torch.cat(
        [
            torch.nn.functional.cosine_similarity(tables[a][at_a], tables[b][at_b])
            for a, b, at_a, at_b in shared_codes(items)
        ]
    )
    loss = BETA / len(cosines) * torch.clamp(1 - cosines, min=MARGIN).sum()
    return loss, cosines.detach()


def rows_near_hinge(cosines: Tensor, items: Mapping[str, PartyItems]) -> dict[str, npt.NDArray[np.bool_]]:
    """Tell which rows of each item table have a pair at the hinge, where rounding decides."""
    near = (1 - cosines - MARGIN).abs().numpy() < NEAR_HINGE
    found = {party: np.zeros(len(each.view.keys), dtype=np.bool_) for party, each in items.items()}
    at = 0
    for a, b, at_a, at_b in shared_codes(items):
        here = near[at : at + len(at_a)]
        found[a][np.array(at_a)[here]] = True
        found[b][np.array(at_b)[here]] = True
        at += len(at_a)
    return found


def test_every_step_applies_the_gradient_of_eq_4(recorded: Traced) -> None:
    """At each of 200 steps the applied gradient is autograd's at the same vectors, hinge included."""
    active = inactive = mixed = skipped = 0
    assert not recorded.applied.pop()  # nothing is trained behind the closing exchange
    assert len(recorded.applied) == STEPS
    for tables, applied in zip(recorded.tables, recorded.applied, strict=False):
        assert set(applied) == set(recorded.members)
        leaves = {party: table.clone().requires_grad_() for party, table in tables.items()}
        loss, cosines = embedding_loss(leaves, recorded.items)
        loss.backward()
        near = rows_near_hinge(cosines, recorded.items)
        for party, gradient in applied.items():
            expected = leaves[party].grad
            assert expected is not None
            found = torch.zeros_like(expected)
            found[torch.from_numpy(recorded.items[party].matched_codes)] = gradient
            far = torch.from_numpy(~near[party])
            skipped += int((~far).sum())
            torch.testing.assert_close(found[far], expected[far], rtol=1e-4, atol=1e-5)
        pulling = (1 - cosines > MARGIN).sum().item()
        active, inactive = active + pulling, inactive + len(cosines) - pulling
        mixed += 0 < pulling < len(cosines)
    # The run crosses the hinge: there are pairs on either side, often in one and the same step.
    assert active > 1000
    assert inactive > 1000
    assert mixed > 20
    assert skipped < 20


def test_every_round_measures_eq_4(traced: Traced) -> None:
    """The loss that the coordinator reports is eq. 4 over all (item, pair), beta included."""
    for tables, record in zip(traced.tables, traced.records, strict=True):
        loss, cosines = embedding_loss(tables, traced.items)
        assert record.diagnostics["loss_emb"] == pytest.approx(loss.item(), rel=1e-5)
        assert record.diagnostics["cosine"] == pytest.approx(cosines.mean().item(), abs=1e-6)
    assert len(traced.records) == STEPS + 1


def predict(arrays: Mapping[str, Tensor], users: Tensor, items: Tensor, keep: Tensor) -> Tensor:
    """Return eq. 1 by the network of figure 4 over the concatenation of user and item vector."""
    pair = torch.cat([arrays["tower.vectors"][users], arrays["items"][items]], dim=1)
    weight = torch.cat([arrays["user_weight"], arrays["item_weight"]], dim=1)
    hidden = torch.relu(torch.nn.functional.linear(pair, weight, arrays["bias"])) * keep
    return torch.sigmoid(hidden @ arrays["out_weight"] + arrays["out_bias"])


def train_together(traced: Traced) -> dict[str, dict[str, Tensor]]:
    """Train all parties in one loop on the sum of eq. 5, from the run's start, samples and dropout masks."""
    models = {
        party: {name: array.clone().requires_grad_() for name, array in start.items()}
        for party, start in traced.start.items()
    }
    optimizers = [torch.optim.Adam(model.values(), lr=LEARNING_RATE) for model in models.values()]
    for step in range(STEPS):
        loss, _ = embedding_loss({party: model["items"] for party, model in models.items()}, traced.items)
        for party, model in models.items():
            trainer = traced.members[party]._trainer
            users, items, labels = (torch.from_numpy(part) for part in trainer._steps.batch(step))
            mask = trainer._steps.mask(step, len(users), hidden=64, rate=0.2)
            assert mask is not None
            loss = loss + torch.nn.functional.mse_loss(
                predict(model, users, items, torch.from_numpy(mask)), labels
            )
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    return {party: {name: array.detach() for name, array in model.items()} for party, model in models.items()}


def test_the_whole_training_is_the_plain_loop(traced: Traced) -> None:
    """After 200 steps each array is that of one plain loop, to 1e-5 where it moved by 0.01 to 0.2."""
    for party, expected in train_together(traced).items():
        found = traced.members[party].model.arrays()
        for name, array in expected.items():
            moved = (array - traced.start[party][name]).abs().max().item()
            assert moved > 0.01
            torch.testing.assert_close(found[name], array, rtol=0, atol=1e-5)
