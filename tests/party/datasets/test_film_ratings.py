"""What the MovieLens sets have in common."""

from __future__ import annotations

import pytest

from feddmf_party.datasets.film_ratings import age_band, year_in


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (1, "under 18"),
        (17, "under 18"),
        (18, "18-24"),
        (49, "45-49"),
        (50, "50-55"),
        (56, "56+"),
        (99, "56+"),
    ],
)
def test_ages_fall_into_the_bands_of_ml_1m(age: int, band: str) -> None:
    """A band holds its lowest age and all up to the next."""
    assert age_band(age) == band


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Seven (a.k.a. Se7en) (1995)", 1995),
        ("2001: A Space Odyssey (1968) ", 1968),
        ("Serial (2006\u20132007)", 2006),
        ("Ongoing (2011- )", None),
        ("Ongoing (2011-)", 2011),
        ("Cosmos", None),
        ("1984", None),
        ("(1984) and after", None),
    ],
)
def test_the_year_is_in_brackets_at_the_end(title: str, year: int | None) -> None:
    """The first year of a span counts; numbers elsewhere are part of the title."""
    assert year_in(title) == year
