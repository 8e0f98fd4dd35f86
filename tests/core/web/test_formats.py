"""Figures as people read them."""

from __future__ import annotations

import pytest

from feddmf.web.formats import count, duration, figure, percent, size, when

DASH = "\N{EN DASH}"


def test_numbers_are_read_at_a_glance() -> None:
    """Thousands apart, so many digits, percent, the unit that fits."""
    assert (count(1_234_567), figure(0.12345), figure(2, 1), percent(0.125, 1)) == (
        "1,234,567",
        "0.123",
        "2.0",
        "12.5 %",
    )
    assert [size(each) for each in (0, 1_023, 1_536, 5 * 2**30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]


def test_nothing_is_a_dash() -> None:
    """And so is what is no number."""
    assert {
        count(None),
        figure(None),
        figure(float("nan")),
        percent(float("nan")),
        size(None),
        when(None),
    } == {DASH}
    assert duration(None) == DASH


def test_moments_are_in_utc() -> None:
    """Whatever zone they were written in."""
    assert when("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.4, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7_200, "2 h"), (90_061, "1 d 1 h")],
)
def test_times_have_two_units(seconds: float, text: str) -> None:
    """The largest that are not nothing."""
    assert duration(seconds) == text
