"""Leading eigenvectors by products alone: those of a whole decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.leading import leading_eigenvectors, signed


def symmetric(seed: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix with these eigenvalues, and its eigenvectors in their order."""
    size = len(values)
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    return (vectors * values) @ vectors.T, vectors


@pytest.mark.parametrize("decay", [0.7, 0.95, 0.99])
def test_a_large_matrix_gives_what_its_decomposition_gives(decay: float) -> None:
    """Eigenvalues that fall fast or slowly: the leading ones are found to their digits, and restarts work."""
    values = 100 * decay ** np.arange(300)
    matrix, vectors = symmetric(1, values)
    found, space = leading_eigenvectors(lambda block: matrix @ block, 300, 8)
    assert found.sum() == pytest.approx(values[:8].sum(), rel=1e-5)
    np.testing.assert_allclose(found[:4], values[:4], rtol=1e-5)
    np.testing.assert_allclose(space.T @ space, np.eye(8), atol=1e-10)
    # What of each true vector lies in the space that was found.
    inside = np.linalg.norm(space.T @ vectors[:, :4], axis=0)
    np.testing.assert_allclose(inside, 1, atol=1e-3)


def test_it_needs_few_products() -> None:
    """The matrix is met a few times with blocks of `rank` vectors, and not once a line."""
    matrix, _ = symmetric(2, 100 * 0.9 ** np.arange(400))
    widths: list[int] = []

    def times(block: np.ndarray) -> np.ndarray:
        widths.append(block.shape[1])
        return matrix @ block

    leading_eigenvectors(times, 400, 5)
    assert max(widths) == 5
    assert len(widths) < 30


def test_two_calls_are_the_same_bit_for_bit() -> None:
    """No chance is left in where it starts."""
    matrix, _ = symmetric(3, 0.9 ** np.arange(100))
    first, second = (leading_eigenvectors(lambda block: matrix @ block, 100, 4) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 12), st.integers(1, 9))
def test_no_more_is_told_than_the_matrix_carries(seed: int, size: int, carried: int, rank: int) -> None:
    """Whatever the sizes: a vector for each eigenvalue above 0, at most `rank` of them, and all are right."""
    carried = min(carried, size)
    values = np.concatenate([np.linspace(2, 1, carried), np.zeros(size - carried)])
    matrix, _ = symmetric(seed, values)
    found, vectors = leading_eigenvectors(lambda block: matrix @ block, size, rank)
    told = min(rank, carried)
    assert found.shape == (told,)
    np.testing.assert_allclose(found, values[:told], rtol=1e-3)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(told), atol=1e-9)
    largest = np.abs(vectors).argmax(axis=0)
    assert (vectors[largest, np.arange(told)] > 0).all()


def test_nothing_is_said_of_a_matrix_of_zeros() -> None:
    """No eigenvalue is above 0, in a small matrix and in a large one; and rank 0 asks for none."""
    for size in (5, 50):
        values, vectors = leading_eigenvectors(np.zeros_like, size, 2)
        assert (values.shape, vectors.shape) == ((0,), (size, 0))
    assert leading_eigenvectors(np.zeros_like, 5, 0)[1].shape == (5, 0)


def test_the_largest_entry_is_made_positive() -> None:
    """Column by column; a table without columns stays as it is."""
    assert signed(np.array([[1.0, -3], [-2, 1]])).tolist() == [[-1, 3], [2, -1]]
    assert signed(np.zeros((2, 0))).shape == (2, 0)
