"""Eq. 4 and its gradient against autograd of the formula as it is written, for any number of parties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from feddmf import alignment
from feddmf.alignment import Alignment, align, alignment_gradient, mean_cosine, unit_rows

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
            np.testing.assert_allclose(measured.pulls[party][row], expected, atol=1e-12)
            if len(peers) == 1:
                np.testing.assert_allclose(measured.targets[party][row], peers[0], atol=1e-12)


@pytest.mark.parametrize("parties", [2, 3, 5])
@given(st.integers(0, 2**32))
def test_one_sum_serves_all_parties_without_a_hinge(parties: int, seed: int) -> None:
    """At m = 0 the sum over parties gives what counting pair by pair gives."""
    vectors, rows, n_items = federation(parties, 6, 3, seed)
    fast = align(vectors, rows, n_items, 0.0)
    units = {party: unit_rows(vectors[party]) for party in sorted(vectors)}
    owners = np.bincount(np.concatenate(list(rows.values())), minlength=n_items)
    slow = alignment._count_active(units, rows, owners, 0.0)
    assert fast.pairs == slow.pairs
    assert math.isclose(fast.loss, slow.loss, abs_tol=1e-12)
    assert math.isclose(fast.cosine, slow.cosine, abs_tol=1e-12)
    for party in vectors:
        np.testing.assert_allclose(fast.targets[party], slow.targets[party], atol=1e-12)
        assert math.isclose(fast.cosines[party], slow.cosines[party], abs_tol=1e-12) or all(
            math.isnan(found.cosines[party]) for found in (fast, slow)
        )


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
    np.testing.assert_allclose(measured.pulls["a"], [[0, 1], [0, 0]])
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
    assert {made.dtype for made in (*measured.targets.values(), *measured.pulls.values())} == {
        np.dtype(dtype)
    }


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
