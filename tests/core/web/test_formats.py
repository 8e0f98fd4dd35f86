"""Figures as people read them."""

from __future__ import annotations

from feddmf.web.formats import count, figure, percent, size, time, when

DASH = "\N{EN DASH}"


def test_numbers_are_read_at_a_glance() -> None:
    """Thousands apart, so many digits, percent, the unit that fits."""
    assert (count(1_234_567), figure(0.12345), figure(2, 1), percent(0.125, 1)) == (
        "1,234,567",
        "0.123",
        "2.0",
        "12.5\N{NO-BREAK SPACE}%",
    )
    sizes = [size(each).split() for each in (0, 1_023, 1_536, 5 * 2**30)]
    assert sizes == [["0", "B"], ["1023", "B"], ["1.5", "KiB"], ["5.0", "GiB"]]


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
    assert time(None) == DASH


def test_moments_are_in_utc() -> None:
    """Whatever zone they were written in."""
    assert when("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04 UTC"
