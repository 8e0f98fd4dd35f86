"""Engines of a history tower: the gradients of the equations, one result by all, and the same bits again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.engines.base import Pull
from feddmf.errors import ConfigError, RunFailed
from feddmf.history import HistoryModel
from feddmf.history_engines.base import HistoryEngine, Step
from feddmf.history_engines.choosing import history_engine
from feddmf.history_engines.compiled import CompiledEngine
from feddmf.history_engines.histories import DeviceTable, histories
from feddmf.history_engines.torch_engine import TorchEngine
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.model import normal
from feddmf.runfile import TrainingSettings

# More items than a block has, and one of them is not there; users with no, one and many items.
ITEMS, DIM, UNSEEN = 1100, 3, 7
SEEN = np.arange(ITEMS) != UNSEEN
Engine = Callable[[HistoryModel, Interactions], HistoryEngine]

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
ENGINES = [
    pytest.param(lambda model, data: TorchEngine(model, data, SEEN), id="torch"),
    # The way of another device, with the CPU as such.
    pytest.param(lambda model, data: TorchEngine(model, data, SEEN, device="cpu:0"), id="away"),
    pytest.param(lambda model, data: CompiledEngine(model, data, SEEN), id="compiled"),
    pytest.param(lambda model, data: CompiledEngine(model, data, SEEN, threads=2), id="two-threads"),
    pytest.param(
        lambda model, data: TorchEngine(model, data, SEEN, device="cuda"), id="cuda", marks=needs_cuda
    ),
]


def make_table(users: int = 9) -> Interactions:
    """Return users with 0, 1, 40, 0, ... of the items that there are."""
    random, there_are = np.random.default_rng(3), np.flatnonzero(SEEN)
    rows = [random.choice(there_are, (0, 1, 40)[user % 3], replace=False) for user in range(users)]
    owners = np.repeat(np.arange(users), [len(row) for row in rows])
    return Interactions.from_pairs(owners, np.concatenate(rows), shape=(users, ITEMS))


DATA = make_table()


def make_model() -> HistoryModel:
    """Return a model whose vectors are long enough for logits that matter."""
    model = HistoryModel(*(normal((ITEMS, DIM), 0.5, 1, name) for name in ("contexts", "vectors")), DATA)
    with torch.no_grad():
        model.constant[:] = torch.tensor([0.1, -0.2, 0.3])
        model.activity[:] = torch.tensor([0.7, -0.4])
    return model


def make_pull(margin: float) -> Pull:
    """Return a pull on a few items of both blocks, one of them with several peers."""
    return Pull(
        codes=torch.tensor([1090, 3, 500, 1024]),
        targets=torch.nn.functional.normalize(normal((4, DIM), 1.0, 2, "targets")),
        single_peer=torch.tensor([True, False, True, True]),
        scale=0.05,
        margin=margin,
    )


def make_step(*users: int, dropout: float = 0.5) -> Step:
    """Return a step of these users that counts about half of their items, twice each."""
    pairs = int(DATA.user_counts()[list(users)].sum())
    keep = (np.random.default_rng(5).random(pairs) > dropout) / (1 - dropout)
    return Step(np.array(users), 0.01, keep.astype(np.float32))


def exact_gradients(
    model: HistoryModel, step: Step, pulls: Mapping[str, Pull]
) -> tuple[float, dict[str, Tensor]]:
    """Return the loss of a step and its gradients by autograd over all cells, in float64."""
    values = {n: p.detach().double().requires_grad_() for n, p in model.named_parameters()}
    counts = torch.from_numpy(DATA.user_counts()[step.users]).double()
    history = torch.zeros(len(step.users), ITEMS, dtype=torch.float64)
    labels = torch.zeros_like(history)
    taken = 0
    for row, user in enumerate(step.users):
        items = torch.from_numpy(DATA.indices[DATA.indptr[user] : DATA.indptr[user + 1]]).long()
        assert step.keep is not None
        history[row, items] = torch.from_numpy(step.keep[taken : taken + len(items)]).double()
        labels[row, items] = 1
        taken += len(items)
    inside = 1.5 * (history @ values["contexts"]) / (counts + 5).sqrt()[:, None] + values["constant"]
    shifts = values["activity"][0] * (torch.log(counts + 1) - 4.5) + values["activity"][1]
    logits = torch.tanh(inside) @ values["vectors"].T + values["bias"] + shifts[:, None]
    cells = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    loss = cells[:, torch.from_numpy(SEEN)].sum()
    lengths = sum((values[name] ** 2).sum() for name in ("contexts", "vectors"))
    gradients = torch.autograd.grad(loss / len(step.users) / 100 + 1e-4 * lengths, list(values.values()))
    found = dict(zip(values, gradients, strict=True))
    for name, pull in pulls.items():
        found[name][pull.codes] += alignment_gradient(
            values[name].detach()[pull.codes],
            pull.targets.double(),
            single_peer=pull.single_peer,
            margin=pull.margin,
            scale=pull.scale,
        )
    return loss.item(), found


@pytest.mark.parametrize("margin", [0.0, 0.6])
@pytest.mark.parametrize("make", ENGINES)
def test_gradients_are_those_of_autograd(make: Engine, margin: float) -> None:
    """After one step Adam's means are a tenth of the gradients, to 1e-5 of the largest of a tensor."""
    model, step = make_model(), make_step(4, 0, 5, 2, 8)
    pulls = {name: make_pull(margin) for name in ("contexts", "vectors")}
    loss, gradients = exact_gradients(model, step, pulls)
    engine = make(model, DATA)
    assert engine.run([step], pulls) == pytest.approx(loss, rel=1e-6)
    state = engine.snapshot()
    for name, gradient in gradients.items():
        exact = gradient.numpy()
        error = np.abs(10 * state[f"adam.{name}.mean"] - exact).max() / np.abs(exact).max()
        assert error < 1e-5, name


@pytest.mark.parametrize("make", ENGINES)
def test_items_that_there_are_not_only_shrink(make: Engine) -> None:
    """The gradient of an item that is not there is its decay alone, and its bias has none."""
    model = make_model()
    rows = {name: getattr(model, name)[UNSEEN].tolist() for name in ("contexts", "vectors")}
    engine = make(model, DATA)
    engine.run([make_step(2, 5)], {})
    state = engine.snapshot()
    assert state["adam.bias.mean"][UNSEEN] == 0
    for name, row in rows.items():
        np.testing.assert_allclose(10 * state[f"adam.{name}.mean"][UNSEEN], 2e-4 * np.array(row), rtol=1e-5)


def train(
    make: Engine, *, pulls: Mapping[str, Pull] | None = None
) -> tuple[float, dict[str, npt.NDArray[Any]]]:
    """Return the last loss and the state of a training of twenty steps with dropout, tied once in between."""
    model = make_model()
    settings = TrainingSettings(epochs=5, batch_size=2, learning_rate=0.01)
    trainer = make_trainer(model, make, settings)
    trainer.train(*trainer.span(0), pulls or {})
    with torch.no_grad():
        model.vectors[:50] = model.contexts[:50]
    loss = trainer.train(*trainer.span(1), pulls or {})
    return loss, trainer.snapshot()


def make_trainer(model: HistoryModel, make: Engine, settings: TrainingSettings) -> HistoryTrainer:
    """Return a trainer with an engine and two exchanges."""
    engine = make(model, DATA)
    return HistoryTrainer(
        model, DATA, SEEN, settings, dropout=0.3, rounds=2, address=(1, "acme", "align"), engine=engine
    )


@pytest.mark.parametrize("margin", [None, 0.6])
@pytest.mark.parametrize("make", ENGINES[1:])
def test_all_engines_come_to_the_same(make: Engine, margin: float | None) -> None:
    """A whole training ends within 1e-4 of the largest entry of each tensor, tied or pulled."""
    pulls = {} if margin is None else {name: make_pull(margin) for name in ("contexts", "vectors")}
    loss, state = train(make, pulls=pulls)
    same_loss, same = train(lambda model, data: TorchEngine(model, data, SEEN), pulls=pulls)
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert state.keys() == same.keys()
    for name, array in state.items():
        assert np.abs(array - same[name]).max() <= 1e-4 * np.abs(same[name]).max(), name


@pytest.mark.parametrize("make", ENGINES)
def test_the_same_training_has_the_same_bits(make: Engine) -> None:
    """Nothing depends on chance, nor on which thread comes first."""
    one, other = train(make), train(make)
    assert one[0] == other[0]
    assert {n: a.tobytes() for n, a in one[1].items()} == {n: a.tobytes() for n, a in other[1].items()}


@pytest.mark.parametrize("make", ENGINES)
def test_a_training_goes_on_from_its_snapshot(make: Engine) -> None:
    """Restored into another model after the first exchange, it ends with the bits of one not interrupted."""
    settings = TrainingSettings(epochs=5, batch_size=2, learning_rate=0.01)
    first, second = (make_trainer(make_model(), make, settings) for _ in range(2))
    first.train(*first.span(0), {})
    second.restore(first.snapshot())
    for trainer in (first, second):
        trainer.train(*trainer.span(1), {})
    whole, resumed = first.snapshot(), second.snapshot()
    assert {n: a.tobytes() for n, a in whole.items()} == {n: a.tobytes() for n, a in resumed.items()}
    assert torch.equal(first.model.vectors, second.model.vectors)


@pytest.mark.parametrize("make", ENGINES)
def test_a_training_that_diverges_fails(make: Engine) -> None:
    """A loss that is no number ends the run, whatever computes it."""
    model = make_model()
    with torch.no_grad():
        model.vectors[3, 0] = torch.nan
    trainer = make_trainer(model, make, TrainingSettings(batch_size=2))
    with pytest.raises(RunFailed, match="training diverged at acme: the loss is nan"):
        trainer.train(0, 1, {})


def test_the_run_file_names_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name has its engine; without a device auto is compiled, and cuda is refused."""

    def chosen(name: str) -> type:
        settings = TrainingSettings.model_validate({"engine": name})
        return type(history_engine(make_model(), DATA, SEEN, settings))

    assert chosen("torch") is TorchEngine
    assert chosen("compiled") is CompiledEngine
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert chosen("auto") is CompiledEngine
    with pytest.raises(ConfigError, match=r"training\.engine is cuda") as error:
        chosen("cuda")
    assert "auto" in error.value.hint


def test_histories_are_cut_alike_on_a_device() -> None:
    """The rows, items and starts that a device cuts are those of the CPU."""
    users = np.array([5, 0, 2, 1])
    history = histories(DATA, users)
    assert history.lengths.tolist() == [40, 0, 40, 1]
    rows, items, starts = DeviceTable(DATA, torch.device("cpu")).histories(users)
    assert rows.tolist() == np.repeat(np.arange(4), history.lengths).tolist()
    assert items.tolist() == history.items.tolist()
    assert starts.tolist() == history.starts[:-1].tolist()
