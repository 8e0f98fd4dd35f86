"""A vector a user trained by several ranks: all end with one item table, and rank 0 with all users."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feddmf import id_ranks
from feddmf.engines.base import Pull
from feddmf.errors import ConfigError
from feddmf.id_ranks import RankedTrainer, agreed_steps, own_part, stream_of
from feddmf.interactions import Interactions
from feddmf.model import DeepMF, fresh_model, normal
from feddmf.ranks import STOP, Ranks, users_of_rank
from feddmf.runfile import ModelSettings, TrainingSettings
from feddmf.sampling import Sampler
from feddmf.training import Trainer
from support.ranks import on_ranks

USERS, ITEMS, DIM = 11, 9, 3
ROUNDS = 2
State = dict[str, npt.NDArray[Any]]


def table(users: int = USERS) -> Interactions:
    """Return users with three items each."""
    codes = np.arange(users).repeat(3)
    return Interactions.from_pairs(codes, (codes * 5 + np.arange(len(codes))) % ITEMS, shape=(users, ITEMS))


def model(users: int = USERS) -> DeepMF:
    """Return the model that all trainings begin with."""
    settings = ModelSettings(tower="id", embedding_dim=DIM, hidden_dim=4, dropout=0.2)
    return fresh_model(users, normal((ITEMS, DIM), 0.3, 1, "items"), settings, seed=3, party="acme")


def settings(**changed: Any) -> TrainingSettings:
    """Return a short training."""
    return TrainingSettings.model_validate(
        {"epochs": 4, "batch_size": 6, "threads": 1, "learning_rate": 0.01} | changed
    )


def trainer(ranks: Ranks, data: Interactions, wanted: TrainingSettings, whole: DeepMF) -> RankedTrainer:
    """Return this rank's trainer; only the first has the vectors that its model begins with."""
    own = own_part(whole, ranks)
    if not ranks.is_first:
        with torch.no_grad():
            for parameter in own.parameters():
                parameter.zero_()
    sampler = Sampler(
        users_of_rank(data, ranks), negatives=wanted.negatives, seed=3, party=stream_of("acme", ranks)
    )
    return RankedTrainer(
        own,
        sampler,
        wanted,
        seed=3,
        party="acme",
        per_epoch=agreed_steps(data, wanted, ranks, party="acme"),
        ranks=ranks,
        users=data.users,
        whole=whole.get_parameter("tower.vectors").detach().numpy() if ranks.is_first else None,
    )


def follow(ranks: Ranks, trained: RankedTrainer) -> None:
    """Do what the first rank tells until it tells to stop."""
    while (told := ranks.hear()) != STOP:
        trained.follow(told)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("optimizer", ["adam", "lazy_adam"])
def test_rank_0_ends_with_a_model_that_all_have_trained(engine: str, optimizer: str) -> None:
    """In two trainings bit for bit; all items, layers and users have moved, and the loss has fallen."""

    def work(ranks: Ranks) -> tuple[list[float], State]:
        whole = model()
        trained = trainer(ranks, table(), settings(engine=engine, optimizer=optimizer, epochs=16), whole)
        if not ranks.is_first:
            follow(ranks, trained)
            return [], {name: tensor.numpy() for name, tensor in trained.model.arrays().items()}
        pull = Pull(torch.tensor([1, 4]), torch.ones(2, DIM), torch.tensor([True, False]), 0.5, 0.1)
        losses = [
            trained.train(*trained.span(0, ROUNDS), pull),
            trained.train(*trained.span(1, ROUNDS), None),
        ]
        trained.complete()
        ranks.together(lambda _: ranks.tell(STOP))
        return losses, {name: tensor.numpy() for name, tensor in whole.arrays().items()}

    found, again = on_ranks(2, work), on_ranks(2, work)
    assert found[0][0] == again[0][0]
    assert found[0][0][1] < found[0][0][0] < 0.3
    for name, before in model().arrays().items():
        array = found[0][1][name]
        assert array.tobytes() == again[0][1][name].tobytes()
        own = array[1::2] if name == "tower.vectors" else array
        assert found[1][1][name].tobytes() == own.tobytes()
        assert (array != before.numpy()).any(axis=-1).all()


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("block", [2, 1 << 14])
def test_ranks_that_come_back_go_on_from_the_first_ones_snapshot(
    monkeypatch: pytest.MonkeyPatch, engine: str, block: int
) -> None:
    """Two spans, by the same processes or by others from a snapshot on: the same bytes."""
    monkeypatch.setattr(id_ranks, "_BLOCK", block)
    kept: list[Any] = []

    def spans(ranks: Ranks, numbers: tuple[int, ...]) -> State:
        trained = trainer(ranks, table(), settings(engine=engine), model())
        if not ranks.is_first:
            follow(ranks, trained)
            return {}
        if numbers[0] == len(kept):
            kept.append(trained.snapshot())
        else:
            trained.restore(kept[numbers[0]])
            assert same(trained.snapshot(), kept[numbers[0]])
        for number in numbers:
            trained.train(*trained.span(number, ROUNDS), None)
            if number + 1 == len(kept):
                kept.append(trained.snapshot())
        found = trained.snapshot()
        ranks.together(lambda _: ranks.tell(STOP))
        return dict(found)

    whole = on_ranks(2, lambda ranks: spans(ranks, (0, 1)))[0]
    assert len(kept) == 3
    assert same(whole, kept[2])
    for start in (0, 1):
        later = on_ranks(2, lambda ranks, start=start: spans(ranks, (0, 1)[start:]))[0]
        assert same(later, whole)


def same(left: State, right: State) -> bool:
    """Tell whether two snapshots are equal to the last bit."""
    return left.keys() == right.keys() and all(left[n].tobytes() == right[n].tobytes() for n in left)


def test_a_snapshot_is_that_of_one_process() -> None:
    """With the other rank's moments behind it: one process, or another number of them, may go on from it."""

    def work(ranks: Ranks) -> State:
        trained = trainer(ranks, table(), settings(), model())
        if not ranks.is_first:
            follow(ranks, trained)
            return {}
        trained.train(0, 2, None)
        found = trained.snapshot()
        ranks.together(lambda _: ranks.tell(STOP))
        return dict(found)

    wanted = settings()
    alone = Trainer(
        model(), Sampler(table(), negatives=1, seed=3, party="acme"), wanted, seed=3, party="acme"
    )
    found = on_ranks(2, work)[0]
    expected = {name: (array.shape, array.dtype) for name, array in alone.snapshot().items()}
    others = {name for name in found if name.startswith("rank 1.")}
    assert {name: (found[name].shape, found[name].dtype) for name in found.keys() - others} == expected
    assert others == {f"rank 1.{name}" for name in expected if name.startswith("adam.")} - {
        f"rank 1.{name}" for name in ("adam.taken", *id_ranks._ROWS)
    }
    alone.restore(found)
    assert same(alone.snapshot(), {name: found[name] for name in expected})


@pytest.mark.parametrize("users", [2, 3])
def test_too_few_users_are_refused(users: int) -> None:
    """A rank without a pair could not take a step."""
    data = (
        table(2) if users == 2 else Interactions.from_pairs(np.array([0, 1]), np.array([0, 1]), shape=(3, 2))
    )
    with pytest.raises(ConfigError, match="acme has too few users with an item for 3 processes"):
        agreed_steps(data, settings(), _Rank(0, 3), party="acme")


class _Rank(Ranks):
    """A rank that nobody talks to."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size, self.every = rank, size, 1


@given(
    size=st.integers(2, 4),
    lengths=st.lists(st.integers(1, ITEMS), min_size=4, max_size=20),
    batch=st.integers(1, 40),
)
def test_every_step_of_every_rank_has_samples_and_an_epoch_has_all(
    size: int, lengths: list[int], batch: int
) -> None:
    """However unlike the users are, ranks agree on the steps, and each of their samples is in one of them."""
    counts = np.array(lengths)
    items = np.concatenate([np.arange(count) for count in counts])
    data = Interactions.from_pairs(
        np.repeat(np.arange(len(counts)), counts), items, shape=(len(counts), ITEMS)
    )
    wanted = settings(batch_size=batch)
    for rank in range(size):
        trained = trainer(_Rank(rank, size), data, wanted, model(data.users))
        steps = trained._steps
        assert steps.per_epoch == agreed_steps(data, wanted, _Rank(0, size), party="acme")
        drawn = [len(steps.batch(number).labels) for number in range(steps.per_epoch)]
        assert 1 <= min(drawn) <= max(drawn) <= steps.largest
        assert sum(drawn) == steps._samples.samples
