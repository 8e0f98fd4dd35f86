"""A history tower trained by several ranks: all end with one model, and every step has users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feddmf.engines.base import Pull
from feddmf.errors import ConfigError
from feddmf.history import HistoryModel
from feddmf.history_ranks import RankedTrainer
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.model import normal
from feddmf.ranks import STOP, Ranks, users_of_rank
from feddmf.runfile import TrainingSettings
from support.ranks import on_ranks

USERS, ITEMS, DIM = 11, 9, 3
SEEN = np.ones(ITEMS, dtype=np.bool_)
State = dict[str, npt.NDArray[np.float32]]


def table(users: int = USERS) -> Interactions:
    """Return users with three items each."""
    codes = np.arange(users).repeat(3)
    return Interactions.from_pairs(codes, (codes * 5 + np.arange(len(codes))) % ITEMS, shape=(users, ITEMS))


def model(data: Interactions) -> HistoryModel:
    """Return the model that all trainings begin with."""
    return HistoryModel(
        normal((ITEMS, DIM), 0.3, 1, "contexts"), normal((ITEMS, DIM), 0.3, 1, "vectors"), data
    )


def settings(**changed: int) -> TrainingSettings:
    """Return a short training."""
    return TrainingSettings.model_validate({"epochs": 4, "batch_size": 2, "threads": 1} | changed)


def trainer(ranks: Ranks, data: Interactions, wanted: TrainingSettings) -> RankedTrainer:
    """Return this rank's trainer; ranks but the first begin with a model of their own."""
    own = users_of_rank(data, ranks)
    return RankedTrainer(
        model(data if ranks.is_first else own),
        own,
        SEEN,
        wanted,
        dropout=0.2,
        rounds=2,
        address=(3, "acme", "align"),
        ranks=ranks,
        users=data.users,
    )


def whole_training(ranks: Ranks) -> tuple[float, State]:
    """Train both spans; return the first one's last loss and everybody's state."""
    trained = trainer(ranks, table(), settings())
    if not ranks.is_first:
        while (told := ranks.hear()) != STOP:
            trained.follow(told)
        return 0.0, trained.snapshot()
    assert not [name for name in trained.snapshot() if name.startswith("rank ")]
    single = torch.tensor([True, False])
    pull = Pull(torch.tensor([1, 4]), torch.ones(2, DIM), single, scale=0.5, margin=0.1)
    trained.train(*trained.span(0), {"vectors": pull})
    loss = trained.train(*trained.span(1), {})
    found = trained.snapshot()
    ranks.together(lambda _: ranks.tell(STOP))
    return loss, found


def test_all_ranks_end_with_the_same_model_and_moments_of_their_own() -> None:
    """Bit for bit, and in a second training of the same ranks too; rank 0 can tell everybody's."""
    found = on_ranks(2, whole_training)
    again = on_ranks(2, whole_training)
    assert 0 < found[0][0] < 2
    assert found[0][0] == again[0][0]
    (_, first), (_, second) = found
    assert same(first, again[0][1])
    for name, array in second.items():
        is_moment = f"rank 1.{name}" in first
        assert is_moment == name.endswith((".mean", ".square"))
        assert array.tobytes() == first[f"rank 1.{name}" if is_moment else name].tobytes(), name
    assert not np.allclose(first["adam.vectors.mean"], second["adam.vectors.mean"])
    before = dict(model(table()).named_parameters())
    assert not np.allclose(found[0][1]["vectors"], before["vectors"].detach().numpy())


def same(left: State, right: State) -> bool:
    """Tell whether two states are equal to the last bit."""
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_ranks_that_come_back_go_on_from_the_first_ones_snapshot() -> None:
    """A span, a snapshot of rank 0, the next span: the same bytes in one piece and by other processes."""
    taken: list[State] = []

    def spans(ranks: Ranks, numbers: tuple[int, ...]) -> State:
        trained = trainer(ranks, table(), settings())
        if not ranks.is_first:
            while (told := ranks.hear()) != STOP:
                trained.follow(told)
            return trained.snapshot()
        if 0 not in numbers:
            trained.restore(taken[0])
            assert same(trained.snapshot(), taken[0])
        for number in numbers:
            # Between two spans the first one's vectors may be tied to what peers have.
            with torch.no_grad():
                trained.model.vectors[2 * number] = float(number)
            trained.train(*trained.span(number), {})
            taken.append(trained.snapshot())
        ranks.together(lambda _: ranks.tell(STOP))
        return taken[-1]

    whole = on_ranks(2, lambda ranks: spans(ranks, (0, 1)))
    later = on_ranks(2, lambda ranks: spans(ranks, (1,)))
    assert same(whole[0], later[0])
    assert same(whole[1], later[1])
    assert not np.allclose(taken[0]["rank 1.adam.bias.mean"], taken[1]["rank 1.adam.bias.mean"])


def test_a_snapshot_of_one_process_is_gone_on_with_by_two() -> None:
    """The second takes over the first one's moments."""
    single = HistoryTrainer(
        model(table()), table(), SEEN, settings(), dropout=0.2, rounds=2, address=(3, "acme", "align")
    )
    single.train(*single.span(0), {})
    state = single.snapshot()

    def work(ranks: Ranks) -> State:
        trained = trainer(ranks, table(), settings())
        if not ranks.is_first:
            trained.follow(ranks.hear())
            return trained.snapshot()
        trained.restore(state)
        trained.train(0, 0, {})
        return state

    first, second = on_ranks(2, work)
    assert same(first, second)


def test_averages_of_single_steps_are_those_of_both_ranks() -> None:
    """One step each from the same model, then the mean of what each rank's users would have made of it."""

    def step(ranks: Ranks) -> State:
        trained = trainer(ranks, table(8), settings(batch_size=4))
        if not ranks.is_first:
            while (told := ranks.hear()) != STOP:
                trained.follow(told)
            return trained.snapshot()
        trained.train(0, 1, {})
        found = trained.snapshot()
        ranks.together(lambda _: ranks.tell(STOP))
        return found

    def alone(ranks: Ranks) -> State:
        trained = trainer(ranks, table(8), settings(batch_size=4))
        if not ranks.is_first:
            trained.restore(trained.snapshot() | first_state())
        HistoryTrainer.train(trained, 0, 1, {})
        return trained.snapshot()

    together, apart = on_ranks(2, step), on_ranks(2, alone)
    for name in ("contexts", "vectors", "bias"):
        assert together[0][name] == pytest.approx((apart[0][name] + apart[1][name]) / 2, abs=1e-6)
    for rank in range(2):
        assert together[rank]["adam.vectors.mean"].tobytes() == apart[rank]["adam.vectors.mean"].tobytes()
    assert not np.allclose(apart[0]["adam.vectors.mean"], apart[1]["adam.vectors.mean"])


def first_state() -> State:
    """Return the parameters that the first rank begins with."""
    return {name: tensor.numpy() for name, tensor in model(table(8)).arrays().items()}


def test_fewer_users_than_ranks_are_refused() -> None:
    """A rank without a user could not take a step."""

    def work(ranks: Ranks) -> None:
        with pytest.raises(ConfigError, match="acme has 2 users for 3 processes"):
            trainer(ranks, table(2), settings())

    on_ranks(3, work)


class _Rank(Ranks):
    """A rank that nobody talks to."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size, self.every = rank, size, 1


@given(size=st.integers(2, 5), more=st.integers(0, 40), batch=st.integers(1, 12))
def test_every_step_of_every_rank_has_users_and_an_epoch_has_all(size: int, more: int, batch: int) -> None:
    """Ranks agree on the number of steps; each user of a rank is in one step of an epoch."""
    data = table(size + more)
    found = set()
    for rank in range(size):
        trained = trainer(_Rank(rank, size), data, settings(batch_size=batch))
        steps = [trained._batch(number) for number in range(trained.steps_per_epoch)]
        assert min(map(len, steps)) >= 1
        assert max(map(len, steps)) <= batch + 1
        own = users_of_rank(data, _Rank(rank, size)).users
        assert sorted(np.concatenate(steps).tolist()) == list(range(own))
        found.add((trained.steps_per_epoch, trained.total_steps))
    assert len(found) == 1
