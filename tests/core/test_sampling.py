"""Samples of an epoch: every observed pair once, and unobserved cells, each as likely as any other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feddmf.interactions import Interactions
from feddmf.sampling import Epoch, Part, PooledSampler, Sampler

Cell = tuple[int, int]

USERS, ITEMS = 4, 5
CELLS = [(user, item) for user in range(USERS) for item in range(ITEMS)]


def table(cells: list[Cell]) -> Interactions:
    """Return a table with `cells` observed."""
    users, items = np.array(cells).T
    return Interactions.from_pairs(users, items, shape=(USERS, ITEMS))


def samples(epoch: Epoch) -> list[tuple[Cell, float]]:
    """Return an epoch's samples as (cell, label)."""
    cells = zip(epoch.users.tolist(), epoch.items.tolist(), strict=True)
    return list(zip(cells, epoch.labels.tolist(), strict=True))


@example(CELLS, 2, 0, 0)
@given(
    st.lists(st.sampled_from(CELLS), min_size=1, unique=True),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(0, 9),
)
def test_no_observed_pair_is_drawn_as_unobserved(
    observed: list[Cell], negatives: int, number: int, seed: int
) -> None:
    """However full the table is, positives come once each and no negative is one of them."""
    sampler = Sampler(table(observed), negatives=negatives, seed=seed, party="acme")
    drawn = samples(sampler.epoch(number))
    assert sorted(cell for cell, label in drawn if label == 1) == sorted(observed)
    unobserved = [cell for cell, label in drawn if label == 0]
    assert not set(unobserved) & set(observed)
    full = len(observed) == len(CELLS)
    assert len(unobserved) == (0 if full else negatives * len(observed))
    assert len(drawn) == sampler.samples


@pytest.mark.parametrize("observed", [CELLS[:3], CELLS[:16]])
def test_every_unobserved_cell_is_as_likely(observed: list[Cell]) -> None:
    """In a table with few and in one with most cells observed, all others are drawn alike."""
    sampler = Sampler(table(observed), negatives=100, seed=0, party="acme")
    drawn = [cell for number in range(40) for cell, label in samples(sampler.epoch(number)) if label == 0]
    share = 1 / (len(CELLS) - len(observed))
    deviation = (len(drawn) * share * (1 - share)) ** 0.5
    for cell in set(CELLS) - set(observed):
        assert abs(drawn.count(cell) - len(drawn) * share) < 5 * deviation


def test_a_sampler_draws_by_its_address() -> None:
    """Seed, party and epoch decide the samples and their order; nothing else does."""
    data = table(CELLS[::3])

    def epoch(seed: int, party: str, number: int) -> list[tuple[Cell, float]]:
        return samples(Sampler(data, negatives=2, seed=seed, party=party).epoch(number))

    once = epoch(1, "acme", 2)
    assert once == epoch(1, "acme", 2)
    assert once not in (epoch(2, "acme", 2), epoch(1, "bolt", 2), epoch(1, "acme", 3))
    sampler = Sampler(data, negatives=2, seed=1, party="acme")
    sampler.epoch(0)
    assert samples(sampler.epoch(2)) == once


def test_positives_and_negatives_are_shuffled_together() -> None:
    """An epoch does not begin with all of its positives."""
    epoch = Sampler(table(CELLS[:10]), negatives=1, seed=0, party="acme").epoch(0)
    assert epoch.labels.sum() == 10
    assert 0 < epoch.labels[:10].sum() < 10
    assert (epoch.users.dtype, epoch.items.dtype, epoch.labels.dtype) == (np.int64, np.int64, np.float32)


def pool() -> tuple[PooledSampler, tuple[Sampler, Sampler]]:
    """Return a pool of two parties: one with even items and users 0..3, one with odd items and users 4..7."""
    left, right = (
        Sampler(table(observed), negatives=2, seed=3, party=party)
        for party, observed in (("acme", CELLS[::3]), ("bolt", CELLS[1::4]))
    )
    parts = [
        Part(left, users=np.arange(4), items=np.arange(0, 10, 2)),
        Part(right, users=np.arange(4, 8), items=np.arange(1, 11, 2)),
    ]
    return PooledSampler(parts, seed=3), (left, right)


@pytest.mark.parametrize("number", [0, 5])
def test_a_pool_holds_each_partys_own_samples_in_the_codes_of_all(number: int) -> None:
    """Nothing is drawn beside what the parties draw: user 5, item 3 of the pool is user 1, item 1 of bolt."""
    pooled, (left, right) = pool()
    expected = [((user, 2 * item), label) for (user, item), label in samples(left.epoch(number))]
    expected += [((user + 4, 2 * item + 1), label) for (user, item), label in samples(right.epoch(number))]
    drawn = samples(pooled.epoch(number))
    assert sorted(drawn) == sorted(expected)
    assert len(drawn) == pooled.samples


def test_a_pool_is_shuffled_by_its_address() -> None:
    """The parties' samples are mixed, alike each time, and otherwise in another epoch."""
    pooled, (left, _) = pool()
    users = pooled.epoch(0).users
    assert 0 < (users[: left.samples] < 4).sum() < left.samples
    assert samples(pooled.epoch(0)) == samples(pool()[0].epoch(0))
    assert samples(pooled.epoch(0)) != samples(pooled.epoch(1))
    assert pooled.epoch(0).users.dtype == pooled.epoch(0).items.dtype == np.int64
    assert pooled.epoch(0).labels.dtype == np.float32
