"""Federated averaging as arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.ratings.federated import federate, weighted_mean

Arrays = Mapping[str, npt.NDArray[np.float32]]


def model(*values: float) -> dict[str, npt.NDArray[np.float32]]:
    """Return a model of two arrays."""
    return {"a": np.array(values, dtype=np.float32), "b": np.full((1, 1), values[0], dtype=np.float32)}


def test_the_mean_is_weighted() -> None:
    """Three parts of 1 and one of 5 are 2, for each name."""
    mean = weighted_mean([model(1, 0), model(5, 8)], [3, 1])
    assert mean["a"].tolist() == [2, 2]
    assert mean["b"].tolist() == [[2]]
    assert mean["a"].dtype == np.float32


@given(st.lists(st.tuples(st.floats(-9, 9, width=32), st.integers(0, 9)), min_size=1, max_size=6))
def test_the_mean_lies_between_its_models(parts: list[tuple[float, int]]) -> None:
    """A mean is within its models' range, whatever the scale of the weights, and keeps what is alike."""
    weights = [weight + 1 for _, weight in parts]
    models = [model(value) for value, _ in parts]
    mean = weighted_mean(models, weights)["a"][0]
    values = [value for value, _ in parts]
    assert min(values) - 1e-5 <= mean <= max(values) + 1e-5
    assert weighted_mean(models, [8.0 * weight for weight in weights])["a"][0] == mean
    np.testing.assert_array_equal(weighted_mean([models[0]] * 3, [1, 2, 5])["a"], models[0]["a"])


@pytest.mark.parametrize(
    ("models", "weights", "message"),
    [
        ([], [], "0 models"),
        ([model(1)], [1, 2], "1 models and 2 weights"),
        ([model(1), model(2)], [0, 0], "nor all 0"),
        ([model(1), model(2)], [2, -1], "must not be negative"),
        ([model(1), {"a": model(1)["a"]}], [1, 1], "different names"),
        ([model(1), model(1, 2)], [1, 1], "a has different shapes"),
    ],
)
def test_what_cannot_be_averaged_is_refused(models: list[Arrays], weights: list[float], message: str) -> None:
    """Nothing, too few weights, no weight, and models that differ are mistakes of the caller."""
    with pytest.raises(ValueError, match=message):
        weighted_mean(models, weights)


class Adder:
    """A client that adds its number to what it is sent."""

    def __init__(self, samples: int, number: float) -> None:
        self.samples = samples
        self._number = np.float32(number)

    def update(self, shared: Arrays) -> Arrays:
        """Return the sum."""
        return {name: array + self._number for name, array in shared.items()}


def test_rounds_follow_each_other() -> None:
    """Two rounds of clients who add 1 and 4, weighted 2 to 1, add 2 each."""
    shared = federate([Adder(2, 1), Adder(1, 4)], {"a": np.zeros(2, dtype=np.float32)}, rounds=2)
    assert shared["a"].tolist() == [4, 4]
    start = {"a": np.ones(1, dtype=np.float32)}
    assert federate([Adder(1, 1)], start, rounds=0)["a"].tolist() == [1]
