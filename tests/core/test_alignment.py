"""Eq. 4 and its gradient against autograd of the formula as it is written, for any number of parties."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from feddmf import alignment
from feddmf.alignment import Alignment, agree, align, alignment_gradient, mean_cosine, tie, unit_rows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Federation = tuple[dict[str, Floats], dict[str, Codes], int]

BETA = 100.0
MARGINS = (0.0, 0.2, 0.5, 1.0)


def federation(parties: int, items: int, dim: int, seed: int) -> Federation:
    """Return vectors and rows of parties that own about two thirds of the items, at random.

    Vectors of an item lie around a common one, so that pairs fall on both sides of each hinge.
    """
    generator = np.random.default_rng(seed)
    owned = generator.random((parties, items)) < 0.66
    owned[:2, 0] = True
    common = generator.normal(size=(items, dim))
    vectors, rows = {}, {}
    for number in range(parties):
        name = "edcba"[number]
        rows[name] = np.flatnonzero(owned[number])
        spread = generator.uniform(0, 3, size=(len(rows[name]), 1))
        noise = spread * generator.normal(size=(len(rows[name]), dim))
        vectors[name] = common[rows[name]] + noise
    return vectors, rows, items


def literal_loss(
    leaves: dict[str, torch.Tensor], rows: dict[str, Codes], margin: float
) -> tuple[torch.Tensor, list[float]]:
    """Return eq. 4 with BETA as the paper writes it, item by item and pair by pair, and all cosines."""
    terms, cosines = [], []
    for a, b in itertools.combinations(sorted(leaves), 2):
        for item in sorted(set(rows[a]) & set(rows[b])):
            left = leaves[a][rows[a].tolist().index(item)]
            right = leaves[b][rows[b].tolist().index(item)]
            cosine = torch.nn.functional.cosine_similarity(left, right, dim=0)
            terms.append(torch.clamp(1 - cosine, min=margin))
            cosines.append(cosine.item())
    return BETA / len(terms) * torch.stack(terms).sum(), cosines


def single_peer(rows: dict[str, Codes], party: str) -> npt.NDArray[np.bool_]:
    """Tell for each row of a party whether exactly one other party has the item."""
    counts = [sum(item in other for other in rows.values()) for item in rows[party]]
    return np.array([count == 2 for count in counts], dtype=np.bool_)


def gradients(
    vectors: dict[str, Floats], rows: dict[str, Codes], measured: Alignment, margin: float
) -> dict[str, Floats]:
    """Return each party's gradient from its targets, as the trainer computes it."""
    return {
        party: alignment_gradient(
            own,
            measured.targets[party],
            single_peer=single_peer(rows, party),
            margin=margin,
            scale=BETA / measured.pairs,
        )
        for party, own in vectors.items()
    }


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("parties", [2, 3, 5])
@given(st.integers(1, 8), st.integers(2, 5), st.integers(0, 2**32))
def test_targets_carry_the_whole_gradient(
    parties: int, margin: float, items: int, dim: int, seed: int
) -> None:
    """Loss, |P| and gradient are those of autograd on the formula, hinge included."""
    vectors, rows, n_items = federation(parties, items, dim, seed)
    leaves = {party: torch.tensor(own, requires_grad=True) for party, own in vectors.items()}
    loss, cosines = literal_loss(leaves, rows, margin)
    # At the hinge itself the loss has no gradient.
    assume(min(abs(1 - cosine - margin) for cosine in cosines) > 1e-9)
    loss.backward()
    measured = align(vectors, rows, n_items, margin)
    assert measured.pairs == len(cosines)
    assert math.isclose(BETA * measured.loss, loss.item(), rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(measured.cosine, np.mean(cosines), rel_tol=1e-9, abs_tol=1e-9)
    for party, gradient in gradients(vectors, rows, measured, margin).items():
        expected = leaves[party].grad
        wanted = np.zeros_like(vectors[party]) if expected is None else expected.numpy()
        np.testing.assert_allclose(gradient, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("parties", [2, 3, 5])
@given(st.integers(0, 2**32))
def test_pulls_are_the_targets_that_pull_now(parties: int, margin: float, seed: int) -> None:
    """A pull is the sum of unit vectors of the peers beyond the hinge, and no one else's."""
    vectors, rows, n_items = federation(parties, 6, 3, seed)
    measured = align(vectors, rows, n_items, margin)
    units = {party: unit_rows(own) for party, own in vectors.items()}
    for party, own in rows.items():
        for row, item in enumerate(own):
            peers = [
                units[peer][rows[peer].tolist().index(item)]
                for peer in vectors
                if peer != party and item in rows[peer]
            ]
            pulling = [peer for peer in peers if 1 - peer @ units[party][row] > margin]
            expected = np.sum(pulling, axis=0) if pulling else np.zeros(3)
            pull = measured.targets[party][row] * measured.pulling[party][row]
            np.testing.assert_allclose(pull, expected, atol=1e-12)
            if len(peers) == 1:
                np.testing.assert_allclose(measured.targets[party][row], peers[0], atol=1e-12)


def pair_by_pair(
    vectors: dict[str, Floats], rows: dict[str, Codes], n_items: int, margin: float
) -> Alignment:
    """Return what `align` does, from one intersection a pair of parties over all items at once."""
    units = {party: unit_rows(vectors[party]) for party in sorted(vectors)}
    owners = np.bincount(np.concatenate(list(rows.values())), minlength=n_items)
    targets = {party: np.zeros_like(own) for party, own in units.items()}
    pulls = {party: np.zeros_like(own) for party, own in units.items()}
    sums, loss = dict.fromkeys(units, 0.0), 0.0
    for a, b in itertools.combinations(units, 2):
        shared, at_a, at_b = np.intersect1d(rows[a], rows[b], assume_unique=True, return_indices=True)
        cosines = np.einsum("ij,ij->i", units[a][at_a], units[b][at_b])
        active = 1 - cosines > margin
        for made, mask in ((pulls, active), (targets, active | (owners[shared] == 2))):
            made[a][at_a] += mask[:, None] * units[b][at_b]
            made[b][at_b] += mask[:, None] * units[a][at_a]
        loss += float(np.maximum(1 - cosines, margin).sum())
        for party in (a, b):
            sums[party] += float(cosines.sum())
    counts = {party: int((owners[own] - 1).sum()) for party, own in rows.items()}
    pairs = sum(counts.values()) // 2
    each = max(pairs, 1)
    means = {party: sums[party] / counts[party] if counts[party] else math.nan for party in units}
    pulling = {party: (pulls[party] == targets[party]).all(axis=1) for party in units}
    return Alignment(loss / each, sum(sums.values()) / 2 / each, pairs, means, targets, pulling)


def shuffled(vectors: dict[str, Floats], rows: dict[str, Codes], seed: int) -> Federation:
    """Return the same federation with each party's rows in an order of its own."""
    generator = np.random.default_rng(seed)
    orders = {party: generator.permutation(len(own)) for party, own in rows.items()}
    return (
        {party: vectors[party][order] for party, order in orders.items()},
        {party: rows[party][order] for party, order in orders.items()},
        0,
    )


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("parties", [2, 3, 5])
@given(st.integers(0, 2**32), st.sampled_from([1, 40, 1 << 19]), st.booleans())
def test_blocks_of_items_give_what_whole_tables_do(
    parties: int, margin: float, seed: int, numbers: int, mixed: bool
) -> None:
    """However items fall into blocks and rows are ordered, nothing differs from pairs over whole tables."""
    vectors, rows, n_items = federation(parties, 9, 3, seed)
    if mixed:
        vectors, rows, _ = shuffled(vectors, rows, seed)
    slow = pair_by_pair(vectors, rows, n_items, margin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "_BLOCK", numbers)
        fast = align(vectors, rows, n_items, margin)
        alone = agree(vectors, rows, n_items, margin)
    assert fast.pairs == slow.pairs
    assert math.isclose(fast.loss, slow.loss, abs_tol=1e-12)
    assert math.isclose(fast.cosine, slow.cosine, abs_tol=1e-12)
    assert (alone.loss, alone.cosine, alone.pairs) == (fast.loss, fast.cosine, fast.pairs)
    for party in vectors:
        np.testing.assert_allclose(fast.targets[party], slow.targets[party], atol=1e-12)
        assert math.isclose(fast.cosines[party], slow.cosines[party], abs_tol=1e-12) or all(
            math.isnan(found.cosines[party]) for found in (fast, slow, alone)
        )
        if margin:
            assert np.array_equal(fast.pulling[party], slow.pulling[party])


@pytest.mark.parametrize("parties", [2, 3, 5])
@given(st.integers(0, 2**32), st.sampled_from([1, 40, 1 << 19]), st.booleans())
def test_tied_vectors_are_the_means_of_their_owners(
    parties: int, seed: int, numbers: int, mixed: bool
) -> None:
    """Each row becomes the mean over the item's owners, to the bit whatever the blocks are."""
    vectors, rows, n_items = federation(parties, 9, 3, seed)
    if mixed:
        vectors, rows, _ = shuffled(vectors, rows, seed)
    total, owners = np.zeros((n_items, 3)), np.zeros(n_items)
    for party in sorted(vectors):
        total[rows[party]] += vectors[party]
        owners[rows[party]] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "_BLOCK", numbers)
        means = tie(vectors, rows, n_items)
    for party, own in rows.items():
        assert np.array_equal(means[party], total[own] / owners[own][:, None])


@given(st.integers(0, 2**32), st.sampled_from([1e-38, 1.0, 1e4]))
def test_a_pair_of_float32_loses_nothing(seed: int, size: float) -> None:
    """Two owners of all items get what wide sums round to, to the bit, whatever their sizes."""
    random = np.random.default_rng(seed)
    vectors = {
        party: (size * random.standard_normal((7, 3)) * 2.0 ** random.integers(-30, 2, (7, 3))).astype(
            np.float32
        )
        for party in ("a", "b")
    }
    means = tie(vectors, dict.fromkeys(vectors, np.arange(7)), 7)
    wide = (vectors["a"].astype(np.float64) + vectors["b"]) / 2
    for party in vectors:
        assert np.array_equal(means[party], wide.astype(np.float32))


@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_memory_grows_with_the_block_and_not_with_the_items(
    margin: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside its inputs and outputs a round holds a few blocks, far less than the tables again."""
    monkeypatch.setattr(alignment, "_BLOCK", 1 << 16)
    vectors = {party: np.ones((60_000, 16), np.float32) for party in "abcd"}
    rows = dict.fromkeys(vectors, np.arange(60_000))
    tracemalloc.start()
    try:
        measured = align(vectors, rows, 60_000, margin)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    tables = sum(own.nbytes for own in vectors.values())
    assert sum(made.nbytes for made in measured.targets.values()) == tables <= held
    assert peak - held < 0.15 * tables


def test_a_case_to_count_by_hand() -> None:
    """Three parties, two items: cosines 0 and 1 on the first, 0.6 on the second."""
    vectors = {
        "a": np.array([[2.0, 0.0], [3.0, 4.0]]),
        "b": np.array([[0.0, 5.0], [1.0, 0.0]]),
        "c": np.array([[7.0, 0.0]]),
    }
    rows = {"a": np.array([0, 1]), "b": np.array([0, 1]), "c": np.array([0])}
    measured = align(vectors, rows, 2, 0.5)
    assert measured.pairs == 4  # item 0: ab, ac, bc; item 1: ab
    assert measured.loss == pytest.approx((1 + 0.5 + 1 + 0.5) / 4)
    assert measured.cosine == pytest.approx((0 + 1 + 0 + 0.6) / 4)
    assert measured.cosines == pytest.approx({"a": 1.6 / 3, "b": 0.6 / 3, "c": 1 / 2})
    assert measured.pulling["a"].tolist() == [True, False]
    np.testing.assert_allclose(measured.targets["a"], [[0, 1], [1, 0]])
    np.testing.assert_allclose(measured.targets["c"], [[0, 1]])


def test_a_party_in_no_pair_has_no_cosine() -> None:
    """The mean cosine of a party that shares nothing is nan, not an error."""
    rows = {"a": np.array([0]), "b": np.array([0]), "c": np.array([1])}
    for margin in (0.0, 0.2):
        assert math.isnan(align(dict.fromkeys("abc", np.ones((1, 2))), rows, 2, margin).cosines["c"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("margin", MARGINS)
def test_precision_is_kept(dtype: type[np.floating], margin: float) -> None:
    """Targets have the dtype of the vectors: nothing is narrowed, nothing is blown up."""
    vectors, rows, n_items = federation(3, 6, 4, 1)
    measured = align({p: own.astype(dtype) for p, own in vectors.items()}, rows, n_items, margin)
    assert {made.dtype for made in measured.targets.values()} == {np.dtype(dtype)}


def test_torch_and_numpy_agree() -> None:
    """The trainer's tensors and the coordinator's arrays go through the same gradient."""
    vectors, rows, n_items = federation(3, 8, 4, 2)
    measured = align(vectors, rows, n_items, 0.2)
    for party, gradient in gradients(vectors, rows, measured, 0.2).items():
        found = alignment_gradient(
            torch.from_numpy(vectors[party]),
            torch.from_numpy(measured.targets[party]),
            single_peer=torch.from_numpy(single_peer(rows, party)),
            margin=0.2,
            scale=BETA / measured.pairs,
        )
        np.testing.assert_allclose(found.numpy(), gradient, rtol=1e-12)


@given(st.integers(0, 2**32), st.integers(2, 6))
def test_alignment_undoes_a_rotation(seed: int, dim: int) -> None:
    """Two tables that differ by a rotation come together when both follow the gradient."""
    generator = np.random.default_rng(seed)
    start = generator.normal(size=(12, dim))
    rotation = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
    vectors = {"a": unit_rows(start), "b": unit_rows(start @ rotation)}
    rows = {"a": np.arange(12), "b": np.arange(12)}
    # Opposite vectors pull each other nowhere: the one point where the gradient is 0 and the loss is not.
    assume(min(np.einsum("ij,ij->i", vectors["a"], vectors["b"])) > -0.99)
    for _ in range(60):
        measured = align(vectors, rows, 12, 0.0)
        steps = gradients(vectors, rows, measured, 0.0)
        vectors = {party: unit_rows(own - 0.05 * steps[party]) for party, own in vectors.items()}
    assert align(vectors, rows, 12, 0.0).cosine > 0.9999


@given(st.integers(0, 2**32), st.floats(0.01, 100), st.floats(0.01, 100))
def test_lengths_do_not_matter(seed: int, left: float, right: float) -> None:
    """Only directions count: scaled vectors have the same loss and the same targets."""
    vectors, rows, n_items = federation(2, 4, 3, seed)
    measured = align(vectors, rows, n_items, 0.2)
    scaled = align({"e": left * vectors["e"], "d": right * vectors["d"]}, rows, n_items, 0.2)
    assert math.isclose(measured.loss, scaled.loss, abs_tol=1e-9)
    for party in vectors:
        np.testing.assert_allclose(measured.targets[party], scaled.targets[party], atol=1e-9)


def test_zero_rows_have_no_direction() -> None:
    """A zero vector stays zero as a unit row, has cosine 0 and pulls nobody."""
    assert unit_rows(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
    assert mean_cosine(np.zeros((1, 3)), np.ones((1, 3))) == 0
    measured = align({"a": np.zeros((1, 2)), "b": np.ones((1, 2))}, {"a": CODE, "b": CODE}, 1, 0.0)
    assert (measured.loss, measured.targets["b"].tolist()) == (1, [[0, 0]])


CODE = np.array([0])


def test_mean_cosine_by_hand() -> None:
    """The mean of cosines 1, 0 and -1 is 0; over no rows it is nan."""
    left = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    right = np.array([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert mean_cosine(left, right) == 0
    assert math.isnan(mean_cosine(left[:0], right[:0]))
