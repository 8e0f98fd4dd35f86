"""DeepMF is the network of figure 4: concatenation, ReLU layer, dropout, output layer."""

from __future__ import annotations

import numpy as np
import torch

from feddmf.model import DeepMF, IdTower, normal


def make_model(seed: int = 3) -> DeepMF:
    """Return a model of 4 users and 5 items, dim 3, hidden 6."""
    return DeepMF(
        IdTower(normal((4, 3), 0.1, seed, "users")),
        normal((5, 3), 0.1, seed, "items"),
        hidden=6,
        dropout=0.2,
        seed=seed,
    )


USERS, ITEMS = torch.tensor([0, 3, 3]), torch.tensor([4, 0, 1])


def test_the_split_layer_is_the_layer_over_the_concatenation() -> None:
    """W_u p + W_i q + b is W [p; q] + b, and the rest is as in the figure."""
    model = make_model()
    keep = torch.tensor([[0.0, 1.25, 1.25, 0.0, 1.25, 1.25]]).expand(3, 6)
    pair = torch.cat([model.tower.vectors[USERS], model.items[ITEMS]], dim=1)
    weight = torch.cat([model.user_weight, model.item_weight], dim=1)
    hidden = torch.relu(pair @ weight.T + model.bias) * keep
    torch.testing.assert_close(model(USERS, ITEMS, keep), hidden @ model.out_weight + model.out_bias)
    assert model(USERS, ITEMS).shape == (3,)


def test_a_model_is_made_by_its_seed() -> None:
    """The same seed makes the same bytes, another seed makes others in each array."""
    first, again, other = (make_model(seed).arrays() for seed in (3, 3, 4))
    assert list(first) == [
        "items",
        "user_weight",
        "item_weight",
        "bias",
        "out_weight",
        "out_bias",
        "tower.vectors",
    ]
    for name, array in first.items():
        assert array.numpy().tobytes() == again[name].numpy().tobytes() != other[name].numpy().tobytes()


def test_layers_start_within_the_bound_of_their_fan_in() -> None:
    """Weights of the first layer start uniform within 1/sqrt(2 dim), of the second within 1/sqrt(hidden)."""
    arrays = make_model().arrays()
    for name, bound in (("user_weight", 6**-0.5), ("item_weight", 6**-0.5), ("out_weight", 6**-0.5)):
        assert bound / 2 < float(arrays[name].abs().max()) <= bound


def test_vectors_start_with_the_deviation_asked_for() -> None:
    """A thousand draws have a mean of 0 and the standard deviation asked for, within 10 %."""
    drawn = normal((1000,), 0.1, 1, "x").numpy()
    assert abs(float(np.std(drawn)) - 0.1) < 0.01
    assert abs(float(np.mean(drawn))) < 0.01


def test_arrays_are_the_models_own_without_gradients() -> None:
    """Arrays share the model's memory and carry no gradient."""
    model = make_model()
    with torch.no_grad():
        model.items[0, 0] = 7
    assert model.arrays()["items"][0, 0] == 7
    assert not any(array.requires_grad for array in model.arrays().values())
