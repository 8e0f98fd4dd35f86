"""Ratings by codes."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import DataError, InputError
from feddmf_party.ratings.table import Category, Ratings
from support.film_files import made_films


def test_ids_become_codes_in_sorted_order(small: Ratings) -> None:
    """Codes are places among the sorted ids; values and times stay with their rating."""
    assert small.user_ids.tolist() == ["1", "2", "3"]
    assert small.users.tolist() == [0, 0, 1, 1, 1, 2]
    assert small.items.tolist() == [0, 1, 0, 1, 2, 1]
    assert small.values.tolist() == [4, 2, 5, 3, 4, 1]
    assert small.times.tolist() == [10, 20, 30, 40, 50, 60]
    assert small.mean == pytest.approx(19 / 6)


def test_features_are_coded(small: Ratings) -> None:
    """Genres are columns of 0 and 1, decades and what is told of people are codes of names."""
    assert small.genre_names == ("Comedy", "Drama")
    np.testing.assert_array_equal(small.genres, [[0, 1], [1, 1], [1, 0]])
    assert small.titles == ("Film 1 (1981)", "Film 2 (1982)", "Film 3 (1983)")
    assert small.decades.names == ("1980s",)
    assert {name: category.names for name, category in small.people.items()} == {
        "age": ("25-34",),
        "gender": ("F", "M"),
        "occupation": ("artist",),
    }
    assert small.people["gender"].codes.tolist() == [0, 1, 0]


def test_a_film_without_a_year_or_a_user_without_words_is_unknown() -> None:
    """What is not told has a name of its own, and features of nobody are left out."""
    source = made_films([("1", "1", 3.0, 0)])
    assert Ratings.of(source).people == {}
    assert Ratings.of(made_films([("1", "1", 3.0, 0)])).decades.names == ("1980s",)
    bare = Ratings.of(type(source)(**{**vars(source), "catalogue": {}}))
    assert (bare.decades.names, bare.genre_names, bare.titles) == (("unknown",), (), ("1",))
    assert bare.genres.shape == (1, 0)


def test_parts_keep_the_codes(small: Ratings) -> None:
    """A part by rows keeps all codes; a part by users codes these users anew and keeps the films'."""
    part = small.where(small.values > 3)
    assert (part.user_count, part.item_count, part.items.tolist()) == (3, 3, [0, 0, 2])
    own = small.of_users(np.array([1, 2]))
    assert own.user_ids.tolist() == ["2", "3"]
    assert own.users.tolist() == [0, 0, 0, 1]
    assert own.items.tolist() == [0, 1, 2, 1]
    assert own.people["gender"].codes.tolist() == [1, 0]


def test_dense_marks_the_rated_cells(small: Ratings) -> None:
    """A True for each rating."""
    np.testing.assert_array_equal(small.dense(), [[1, 1, 0], [1, 1, 1], [0, 1, 0]])


@pytest.mark.parametrize("user", ["0", "2x", "9", ""])
def test_an_unknown_user_is_refused(small: Ratings, user: str) -> None:
    """The error names the user, and ids that there are."""
    assert small.user_code("2") == 1
    with pytest.raises(InputError, match="made has no user") as caught:
        small.user_code(user)
    assert "1, 2, 3" in caught.value.hint


def test_no_ratings_are_refused() -> None:
    """A table without a row is a DataError."""
    source = made_films([("1", "1", 3.0, 0)])
    nothing = type(source)(**{**vars(source), **{name: getattr(source, name)[:0] for name in
                                                ("users", "films", "values", "times")}})  # fmt: skip
    with pytest.raises(DataError, match="made has no ratings"):
        Ratings.of(nothing)


def test_a_category_has_sorted_names() -> None:
    """Names are in order of text, codes point at them."""
    category = Category.of(["b", "a", "b"])
    assert (category.names, category.codes.tolist()) == (("a", "b"), [1, 0, 1])
