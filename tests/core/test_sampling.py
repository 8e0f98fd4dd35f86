"""Samples of an epoch: every observed pair once, and unobserved cells, each as likely as any other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feddmf.interactions import Interactions
from feddmf.kernels.sampling import ROUNDS, numbers_at
from feddmf.sampling import Batch, Part, PooledSampler, Sampler, Samples

Cell = tuple[int, int]

USERS, ITEMS = 4, 5
CELLS = [(user, item) for user in range(USERS) for item in range(ITEMS)]


def table(cells: list[Cell]) -> Interactions:
    """Return a table with `cells` observed."""
    users, items = np.array(cells).T
    return Interactions.from_pairs(users, items, shape=(USERS, ITEMS))


def epoch(sampler: Samples, number: int) -> Batch:
    """Return a whole epoch at once."""
    return sampler.batch(number, 0, sampler.samples)


def samples(batch: Batch) -> list[tuple[Cell, float]]:
    """Return samples as (cell, label)."""
    cells = zip(batch.users.tolist(), batch.items.tolist(), strict=True)
    return list(zip(cells, batch.labels.tolist(), strict=True))


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
    drawn = samples(epoch(sampler, number))
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
    drawn = [cell for number in range(40) for cell, label in samples(epoch(sampler, number)) if label == 0]
    unobserved = set(CELLS) - set(observed)
    expected = len(drawn) / len(unobserved)
    chi_square = sum((drawn.count(cell) - expected) ** 2 / expected for cell in unobserved)
    freedom = len(unobserved) - 1
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


def test_a_sampler_draws_by_its_address() -> None:
    """Seed, party and epoch decide the samples and their order; nothing else does."""
    data = table(CELLS[::3])

    def drawn(seed: int, party: str, number: int) -> list[tuple[Cell, float]]:
        return samples(epoch(Sampler(data, negatives=2, seed=seed, party=party), number))

    once = drawn(1, "acme", 2)
    assert once == drawn(1, "acme", 2)
    assert once not in (drawn(2, "acme", 2), drawn(1, "bolt", 2), drawn(1, "acme", 3))
    assert sorted(once) != sorted(drawn(1, "acme", 3))  # other cells, not the same ones in another order
    sampler = Sampler(data, negatives=2, seed=1, party="acme")
    epoch(sampler, 0)
    assert samples(epoch(sampler, 2)) == once


def test_a_row_that_is_full_or_empty_is_drawn_from_as_its_cells_say() -> None:
    """Of a table with one unobserved cell, that one is drawn; users without an item are drawn from too."""
    sampler = Sampler(table(CELLS[:-1]), negatives=1, seed=0, party="acme")
    unobserved = [cell for cell, label in samples(epoch(sampler, 0)) if label == 0]
    assert unobserved == [CELLS[-1]] * 19
    sampler = Sampler(table(CELLS[:1]), negatives=100, seed=0, party="acme")
    users = [user for (user, _), label in samples(epoch(sampler, 0)) if label == 0]
    assert set(users) == set(range(USERS))


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_slice_of_an_epoch_is_drawn_by_itself(first: int, last: int) -> None:
    """Samples first..last-1 are those of the whole epoch at these places, of a pool too."""
    for sampler in (Sampler(table(CELLS[:10]), negatives=2, seed=0, party="acme"), pool()[0]):
        low, high = sorted((first % (sampler.samples + 1), last % (sampler.samples + 1)))
        assert samples(sampler.batch(1, low, high)) == samples(epoch(sampler, 1))[low:high]


@pytest.mark.parametrize("total", [1, 2, 3, 10, 97, 10_000])
def test_a_shuffle_has_each_number_once(total: int) -> None:
    """However many samples there are, each stands at one place."""
    keys = np.random.default_rng(0).integers(2**32, size=ROUNDS, dtype=np.uint32)
    assert sorted(numbers_at(total, 0, total, keys).tolist()) == list(range(total))


def test_a_shuffle_leaves_no_order() -> None:
    """Places, numbers, neighbours and two shuffles are uncorrelated, and numbers spread over all parts."""
    total = 10_000
    shuffles = [
        numbers_at(total, 0, total, np.random.default_rng(seed).integers(2**32, size=ROUNDS, dtype=np.uint32))
        for seed in (0, 1)
    ]
    drawn, other = shuffles
    bound = 5 / total**0.5
    for left, right in ((drawn, np.arange(total)), (drawn[:-1], drawn[1:]), (drawn, other)):
        assert abs(np.corrcoef(left, right)[0, 1]) < bound
    counts = np.histogram2d(np.arange(total), drawn, bins=10)[0]
    chi_square = ((counts - 100) ** 2 / 100).sum()
    assert abs(chi_square - 81) < 5 * (2 * 81) ** 0.5


def test_positives_and_negatives_are_shuffled_together() -> None:
    """An epoch does not begin with all of its positives."""
    whole = epoch(Sampler(table(CELLS[:10]), negatives=1, seed=0, party="acme"), 0)
    assert whole.labels.sum() == 10
    assert 0 < whole.labels[:10].sum() < 10
    assert (whole.users.dtype, whole.items.dtype, whole.labels.dtype) == (np.int64, np.int64, np.float32)


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
    expected = [((user, 2 * item), label) for (user, item), label in samples(epoch(left, number))]
    expected += [((user + 4, 2 * item + 1), label) for (user, item), label in samples(epoch(right, number))]
    drawn = samples(epoch(pooled, number))
    assert sorted(drawn) == sorted(expected)
    assert len(drawn) == pooled.samples


def test_a_pool_is_shuffled_by_its_address() -> None:
    """The parties' samples are mixed, alike each time, and otherwise in another epoch."""
    pooled, (left, _) = pool()
    whole = epoch(pooled, 0)
    assert 0 < (whole.users[: left.samples] < 4).sum() < left.samples
    assert samples(whole) == samples(epoch(pool()[0], 0))
    assert samples(whole) != samples(epoch(pooled, 1))
    assert (whole.users.dtype, whole.items.dtype, whole.labels.dtype) == (np.int64, np.int64, np.float32)
