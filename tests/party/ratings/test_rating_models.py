"""The rating network: features, places, new users and films."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.learning import Fitting, as_is
from feddmf_party.ratings.network import GROUPS, Known, RatingNet, groups_of
from feddmf_party.ratings.rating_models import fit_alone, fit_central, fit_federated
from feddmf_party.ratings.splits import random_parts
from feddmf_party.ratings.table import Ratings

FITTING = Fitting(epochs=6, batch_size=32, learning_rate=3e-3, weight_decay=0.0, dropout=0.0)


@pytest.fixture
def ratings(tastes: FilmRatings) -> Ratings:
    """Return the ratings with opposite tastes."""
    return Ratings.of(tastes)


def test_groups_are_those_that_the_ratings_have(ratings: Ratings) -> None:
    """What is not told of users, and genres where there are none, is left out."""
    assert groups_of(ratings) == GROUPS
    bare = dataclasses.replace(ratings, people={}, genre_names=(), genres=ratings.genres[:, :0])
    assert groups_of(bare) == ("user", "film", "decade")
    net = RatingNet(bare, GROUPS, seed=0)
    assert set(net.shared()).isdisjoint({"genre_weight", "users.age"})
    assert net(torch.arange(3), torch.arange(3), as_is).shape == (3,)


def test_layers_are_those_of_the_slides(ratings: Ratings) -> None:
    """Hidden layers of 256 and 128 and one output; every group has a part in the first."""
    net = RatingNet(ratings, GROUPS, seed=0)
    assert net.user_weight.shape == (256, 32 + 3 * 8)
    assert net.item_weight.shape == (256, 32 + 8 + 16)
    assert (net.middle_weight.shape, net.out_weight.shape) == ((128, 256), (1, 128))
    assert "users.user" in dict(net.named_parameters())
    assert "users.user" not in net.shared()


def test_all_places_start_alike_but_for_the_users(ratings: Ratings) -> None:
    """Shared parameters depend on the seed alone, user vectors also on the place."""
    here, there = (RatingNet(ratings, GROUPS, seed=0, place=place) for place in ("here", "there"))
    for name, array in here.shared().items():
        np.testing.assert_array_equal(array, there.shared()[name])
    assert not torch.equal(here.users["user"], there.users["user"])
    assert not torch.equal(here.items["film"], RatingNet(ratings, GROUPS, seed=1).items["film"])


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_has_a_say_and_can_be_left_out(ratings: Ratings, group: str) -> None:
    """A network told one group alone answers by it; without it that group changes nothing."""
    users, items = torch.arange(20), torch.arange(20)
    told = RatingNet(ratings, [group], seed=0)(users, items, as_is)
    nothing = RatingNet(ratings, [], seed=0)(users, items, as_is)
    assert nothing.unique().numel() == 1
    several = {"age": 1, "occupation": 1}.get(group, 2)
    assert told.unique().numel() >= several
    other = dataclasses.replace(ratings, genres=1 - ratings.genres)
    if group != "genres":
        again = RatingNet(other, [group], seed=0)(users, items, as_is)
        assert torch.equal(again, told)


def test_new_users_and_films_have_no_vector(ratings: Ratings) -> None:
    """Where id vectors do not count, users with the same features get the same ratings."""
    net = RatingNet(ratings, GROUPS, seed=0)
    users, items = torch.tensor([0, 2]), torch.tensor([3, 3])
    gone, there = torch.zeros(2, 1), torch.ones(2, 1)
    assert (ratings.people["gender"].codes[[0, 2]] == ratings.people["gender"].codes[0]).all()
    unknown = net(users, items, as_is, Known(gone, there))
    assert unknown[0] == unknown[1]
    known = net(users, items, as_is, Known(there, there))
    assert known[0] != known[1]
    assert torch.equal(known, net(users, items, as_is))


def test_the_central_network_learns_tastes(ratings: Ratings) -> None:
    """Held-back ratings of opposite tastes are found, and a block of scores agrees with single cells."""
    parts = random_parts(ratings, seed=0)
    model = fit_central(parts.train, dataclasses.replace(FITTING, epochs=25), seed=0)
    predicted = model.predict(parts.test.users, parts.test.items)
    assert np.abs(predicted - parts.test.values).mean() < 0.5
    block = model.scores(np.array([3, 8]))
    assert model.predict(np.array([3, 8]), np.array([5, 6])) == pytest.approx(block[[0, 1], [5, 6]], abs=1e-5)
    assert model.predict(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)).shape == (0,)


def test_features_speak_for_new_users(ratings: Ratings) -> None:
    """Gender tells the taste here: with it forgotten vectors cost little, and a new user is understood."""
    new = ratings.users >= 36
    train, test = ratings.where(~new), ratings.where(new)
    model = fit_central(train, dataclasses.replace(FITTING, epochs=15), seed=0, forget=0.5)
    predicted = model.predict(test.users, test.items, new_users=True)
    assert np.abs(predicted - test.values).mean() < 0.6
    assert np.abs(test.values - train.mean).mean() > 1.0


def test_one_client_is_central_training(ratings: Ratings) -> None:
    """Averaging one model changes nothing: the average is the client's own."""
    home = np.zeros(ratings.user_count, dtype=np.int64)
    average, own = fit_federated(ratings, home, FITTING, rounds=2, seed=0)
    cells = (ratings.users[:30], ratings.items[:30])
    assert average.predict(*cells) == pytest.approx(own.predict(*cells), abs=1e-6)


def test_clients_share_all_but_their_users(ratings: Ratings) -> None:
    """After the last round shared parameters agree, before it they do not; each client has its own users."""
    home = np.arange(ratings.user_count, dtype=np.int64) % 3
    average, own = fit_federated(ratings, home, FITTING, rounds=2, seed=0)
    first, second = (average.models[client].net for client in (0, 1))
    for name, array in first.shared().items():
        np.testing.assert_array_equal(array, second.shared()[name])
    assert not np.array_equal(own.models[0].net.shared()["bias"], own.models[1].net.shared()["bias"])
    assert [model.net.users["user"].shape[0] for model in average.models] == [14, 13, 13]
    assert average.places.tolist()[:6] == [0, 0, 0, 1, 1, 1]
    # The user vectors are those that the client's own training made.
    assert torch.equal(first.users["user"], own.models[0].net.users["user"])


def test_clients_answer_for_their_own_users(ratings: Ratings) -> None:
    """Cells go to the client of their user, and come back in the order asked."""
    home = np.arange(ratings.user_count, dtype=np.int64) % 2
    clients = fit_alone(ratings, home, FITTING, seed=0)
    users, items = np.array([5, 0, 4, 1]), np.array([1, 2, 3, 4])
    expected = [
        clients.models[user % 2].predict(np.array([user // 2]), np.array([item]))[0]
        for user, item in zip(users, items, strict=True)
    ]
    assert clients.predict(users, items) == pytest.approx(expected, abs=1e-6)
    assert clients.scores(users)[np.arange(4), items] == pytest.approx(expected, abs=1e-5)


def test_the_average_learns_tastes(ratings: Ratings) -> None:
    """Ten clients of four users each find held-back ratings that no average of ratings tells."""
    parts = random_parts(ratings, seed=0)
    home = np.arange(ratings.user_count, dtype=np.int64) // 4
    fitting = dataclasses.replace(FITTING, epochs=2, batch_size=16)
    average, _ = fit_federated(parts.train, home, fitting, rounds=8, seed=0)
    predicted = average.predict(parts.test.users, parts.test.items)
    assert np.abs(predicted - parts.test.values).mean() < 0.5
    assert np.abs(parts.train.mean - parts.test.values).mean() > 1.0
