"""The suite of training: complete rows, and baselines that train what the product trains."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch

from feddmf.training import Pull
from feddmf_benchmarks import comparing, large_party
from feddmf_benchmarks.baselines.tensorised import Tensorised
from feddmf_benchmarks.baselines.textbook import Network, Recipe, Textbook, draw_epoch
from feddmf_benchmarks.contender import Contender
from feddmf_benchmarks.large_party import Growth, large_rows, read_table, write_table
from feddmf_benchmarks.lockstep import How, Lockstep
from feddmf_benchmarks.suites import train
from feddmf_benchmarks.two_parties import TwoParties

RECIPE = Recipe(
    dim=5, hidden=7, dropout=0.0, batch=64, negatives=2, learning_rate=0.01, beta=10.0, margin=0.2
)


@pytest.fixture(scope="module")
def two() -> TwoParties:
    """Return two small parties."""
    return TwoParties.of((40, 60, 900), seed=0)


def copy_into(network: Network, arrays: dict[str, np.ndarray]) -> None:
    """Give a network the arrays of a model."""
    with torch.no_grad():
        network.users.weight.copy_(torch.from_numpy(arrays["tower.vectors"]))
        network.items.weight.copy_(torch.from_numpy(arrays["items"]))
        halves = [torch.from_numpy(arrays[name]) for name in ("user_weight", "item_weight")]
        network.hidden.weight.copy_(torch.cat(halves, dim=1))
        network.hidden.bias.copy_(torch.from_numpy(arrays["bias"]))
        network.out.weight.copy_(torch.from_numpy(arrays["out_weight"][None]))
        network.out.bias.copy_(torch.from_numpy(arrays["out_bias"]))


@pytest.mark.parametrize("baseline", [Textbook, Tensorised])
@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_baselines_train_what_the_product_trains(
    two: TwoParties, baseline: type[Textbook], engine: str
) -> None:
    """From the same start and on the same samples, 20 steps end alike, to 1e-4."""
    ours = Lockstep(two.data, two.aligned, RECIPE, 0, How(engine=engine, optimizer="adam", every=1))
    theirs = baseline(two.data, two.aligned, RECIPE, 0)
    for party, arrays in ours.arrays().items():
        copy_into(theirs.networks[party], arrays)
    start = {party: arrays["items"].copy() for party, arrays in ours.arrays().items()}
    for step in range(20):
        batches = [trainer._steps.batch(step) for trainer in ours._trainers.values()]
        theirs.step(tuple(tuple(torch.from_numpy(part) for part in batch) for batch in batches))
    ours.train(20)
    for party, arrays in ours.arrays().items():
        found = theirs.arrays()[party]
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-4)
        assert np.abs(arrays["items"] - start[party]).max() > 0.05


@pytest.mark.parametrize("baseline", [Textbook, Tensorised])
def test_baselines_see_every_pair_and_their_negatives(two: TwoParties, baseline: type[Textbook]) -> None:
    """An epoch of the party with fewer batches is whole, and labels are those of the table."""
    batches = list(baseline(two.data, two.aligned, RECIPE, 0).epoch())
    fewest = min(range(2), key=lambda number: list(two.data.values())[number].pairs)
    own = list(two.data.values())[fewest]
    users, items, labels = (torch.cat([batch[fewest][at] for batch in batches]).numpy() for at in range(3))
    observed = set(zip(own.rows().tolist(), own.indices.tolist(), strict=True))
    assert len(labels) == 3 * own.pairs
    for user, item, label in zip(users.tolist(), items.tolist(), labels.tolist(), strict=True):
        assert ((user, item) in observed) == bool(label)


def test_lockstep_counts_the_samples_of_its_steps(two: TwoParties) -> None:
    """A step takes a batch of either party, but for the short one at an epoch's end."""
    ours = Lockstep(two.data, two.aligned, RECIPE, 0, How(every=3))
    steps = max(trainer.steps_per_epoch for trainer in ours._trainers.values())
    assert ours.train(2) == 4 * RECIPE.batch
    counted = 4 * RECIPE.batch + ours.train(steps - 2)
    assert counted >= 3 * sum(own.pairs for own in two.data.values())


def test_targets_are_the_peers_unit_vectors(two: TwoParties) -> None:
    """What pulls a party's items are its peer's vectors of the same items, at length 1."""
    ours = Lockstep(two.data, two.aligned, RECIPE, 0, How())
    ours._exchange()
    (left, right), pulls = ours.models, ours._pulls
    assert isinstance(pulls[left], Pull)
    expected = torch.nn.functional.normalize(ours.models[right].items.detach()[two.aligned[right]])
    torch.testing.assert_close(pulls[left].targets, expected)


def test_negatives_are_unobserved() -> None:
    """A nearly full table has its few unobserved cells drawn."""
    own = TwoParties.of((40, 60, 900), seed=1).data["north"]
    users, items, labels = draw_epoch(own, 1, np.random.default_rng(0))
    assert labels.sum() == own.pairs
    assert len(labels) == 2 * own.pairs
    drawn = set(zip(users[labels == 0].tolist(), items[labels == 0].tolist(), strict=True))
    assert not drawn & set(zip(own.rows().tolist(), own.indices.tolist(), strict=True))


def test_a_table_on_disk_has_distinct_sorted_items(tmp_path: Path) -> None:
    """Each user of a table that is made up has so many items, in order, popular ones more often."""
    write_table(tmp_path / "table", 300, 100, 9)
    data = read_table(tmp_path / "table", 300, 100, 9)
    assert (data.users, data.items, data.pairs) == (300, 100, 2700)
    assert (np.diff(np.asarray(data.indices).reshape(300, 9), axis=1) > 0).all()
    counts = np.sort(data.item_counts())
    assert counts[-10:].mean() > 3 * counts[:10].mean()


class Here:
    """A contender that works in this very process."""

    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        self._prepare = contender.prepare

    def __enter__(self) -> Self:
        self._work = self._prepare()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def once(self) -> tuple[float, float, float]:
        """Return how much was done, some seconds, and some memory."""
        return self._work(), 1.0, 1.0


def test_every_row_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite shows speed, the paper's recipe and time to quality, each beside its baseline."""
    for module in (comparing, train):
        monkeypatch.setattr(module, "Running", Here)
    case = train.Case(
        (40, 60, 900),
        (2, 1),
        (2, 1),
        turns=1,
        epochs=1,
        seeds=1,
        parity=1,
    )
    found = train.rows_of(case)
    assert [row.name.split(": ")[-1] for row in found[:13]] == [
        "compiled, lazy Adam, batch 2,048, aligned every 25 steps",
        "compiled, Adam, batch 2,048, aligned every 25 steps",
        "torch, lazy Adam, batch 2,048, aligned every 25 steps",
        *(f"{name}, Adam, batch 2,048, aligned each step" for name in ("tensorised", "textbook")),
        *(f"{name}, Adam, batch 32, aligned each step" for name in ("compiled", "tensorised", "textbook")),
        *(f"{name}, Adam, batch 32, aligned each step" for name in ("compiled", "textbook")),
        "compiled, lazy Adam, batch 2,048, aligned every 25 steps",
        *(f"{name}, Adam, batch 2,048, aligned each step" for name in ("tensorised", "textbook")),
    ]
    assert [row.baseline.split(": ")[-1].split(",")[0] for row in found[:5]] == ["textbook"] * 4 + [""]
    ours, textbook = found[8:10]
    assert (ours.unit, ours.baseline) == ("F1 at .5", textbook.name)
    assert ours.ratio == ours.value / textbook.value
    assert len(found) == 13


def test_growth_is_fitted_to_what_tables_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of each table, a whole one of the last, and the exponents by pairs, and by everything."""
    for module in (comparing, large_party):
        monkeypatch.setattr(module, "Running", Here)
    found = large_rows(Growth(2000, 400, (2, 4, 8), steps=2, turns=1, whole=True))
    assert [row.unit for row in found] == ["s", "s", "s", "s", "exponent", "s", "s", "s", "exponent"]
    # The first table takes "a second" for two of its three steps.
    assert found[0].value == pytest.approx(1.5)
    sizes = [row.name.removeprefix("an epoch, ") for row in found[5:8]]
    assert sizes == [
        "200 users x 40 items x 800",
        "666 users x 133 items x 2,664",
        "2,000 users x 400 items x 8,000",
    ]
