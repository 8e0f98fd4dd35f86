"""How far long work is: pace and time left from points in time, in words and for programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.progress import MEGA, NOBODY, HowFar, Meter, Point, Tally, counted, duration, rate, seconds_left
from support.heard import Heard


class _Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_is_what_was_done_in_the_time_that_it_took() -> None:
    """Ten in two seconds are five a second, and ten more take two seconds."""
    points = [Point(0.0, 0), Point(2.0, 10)]
    assert rate(points, 2.0) == 5.0
    assert seconds_left(points, 20, 2.0) == 2.0


def test_nothing_is_guessed_before_anything_is_known() -> None:
    """Without two points, without progress between them, or without a total, there is no figure."""
    assert rate([], 0.0) is None
    assert rate([Point(0.0, 3)], 5.0) is None
    assert rate([Point(0.0, 3), Point(1.0, 3)], 5.0) is None
    assert seconds_left([], 4, 0.0) is None
    assert seconds_left([Point(0.0, 3)], 4, 5.0) is None
    assert seconds_left([Point(0.0, 0), Point(1.0, 3)], None, 1.0) is None
    assert seconds_left([Point(0.0, 4)], 4, 5.0) == 0.0


def test_the_time_left_runs_down_within_a_step() -> None:
    """Three seconds into a step of ten, three seconds fewer are left, at the same pace."""
    points = [Point(0.0, 0), Point(10.0, 1)]
    assert rate(points, 13.0) == 0.1
    assert seconds_left(points, 3, 13.0) == pytest.approx(17.0)


def test_a_step_that_takes_longer_than_any_before_it_slows_the_pace() -> None:
    """Work that stands still says so: its pace falls, its time left grows and never turns negative."""
    points = [Point(0.0, 0), Point(1.0, 1), Point(2.0, 2)]
    assert rate(points, 3.0) == 1.0
    assert rate(points, 5.0) == 2 / 4
    assert seconds_left(points, 3, 5.0) == pytest.approx(1.0)
    assert seconds_left(points, 3, 100.0) == pytest.approx(48.5)


def test_a_meter_knows_pace_and_share() -> None:
    """What was shown, how much of it is done, how fast, and how long the rest takes."""
    clock = _Clock()
    meter = Meter(clock)
    assert meter.look() == HowFar(0, None, "", None, None)
    meter.show(0, 40, "rows")
    clock.now += 4
    meter.show(10, 40, "rows")
    far = meter.look()
    assert far == HowFar(10, 40, "rows", 2.5, 12.0)
    assert far.as_dict() == {
        "done": 10, "total": 40, "what": "rows", "rate": 2.5, "seconds_left": 12.0, "share": 0.25,
    }  # fmt: skip
    assert far.in_words() == "rows: 10 of 40, 2.5 a second, 12 s left"


def test_work_that_is_resumed_counts_what_this_process_did() -> None:
    """What was done before the first word of it has no part in the pace."""
    clock = _Clock()
    meter = Meter(clock)
    meter.show(900, 1_000, "rows")
    clock.now += 10
    meter.show(950, 1_000, "rows")
    assert meter.look().rate == 5.0


def test_another_stage_has_a_pace_of_its_own() -> None:
    """With another count begins another pace, and so it does when a count starts again."""
    clock = _Clock()
    meter = Meter(clock)
    meter.show(0, 10, "files")
    clock.now += 1
    meter.show(10, 10, "files")
    meter.show(0, 6, "rows")
    assert meter.look() == HowFar(0, 6, "rows", None, None)
    clock.now += 2
    meter.show(3, 6, "rows")
    assert meter.look().rate == 1.5
    meter.show(0, 6, "rows")
    assert meter.look().rate is None


def test_the_pace_is_that_of_late() -> None:
    """After a slow minute and a fast one, the fast one alone counts; slow steps keep their last points."""
    clock = _Clock()
    meter = Meter(clock)
    for second in range(60):
        clock.now = 100.0 + second
        meter.show(second, 10_000, "rows")
    for second in range(60):
        clock.now = 160.0 + second
        meter.show(60 + 100 * second, 10_000, "rows")
    assert meter.look().rate == 100.0
    slow = Meter(clock)
    for minute in range(4):
        slow.show(minute, 10, "models")
        clock.now += 60
    assert slow.look().rate == 1 / 60
    assert slow.look().in_words() == "models: 3 of 10, 1.0 a minute, 6 min left"


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 50)), min_size=1, max_size=60))
def test_whatever_is_told_figures_make_sense(told: list[tuple[float, int]]) -> None:
    """Pace is positive, time left never negative, share between 0 and 1, and memory of it small."""
    clock, done = _Clock(), 0
    meter = Meter(clock)
    for wait, more in told:
        clock.now += wait
        done += more
        meter.show(done, 1_000, "rows")
        far = meter.look()
        assert far.rate is None or far.rate > 0
        assert far.seconds_left is None or far.seconds_left >= 0
        assert far.share is not None
        assert 0 <= far.share <= 1
        assert far.in_words()


def test_points_close_to_each_other_are_one() -> None:
    """A million words a second cost the memory of a few, and the pace is exact all the same."""
    clock = _Clock()
    meter = Meter(clock)
    for thousandth in range(4_001):
        clock.now = 100.0 + thousandth / 1_000
        meter.show(thousandth, None, "rows")
    assert meter.look().rate == pytest.approx(1_000)
    assert len(meter._points) <= 20


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.2, "1 s"),
        (119.0, "119 s"),
        (240.0, "4 min"),
        (7_500.0, "2 h 5 min"),
        (200_000.0, "2 days"),
    ],
)
def test_times_are_as_exact_as_can_be_known(seconds: float, words: str) -> None:
    """Seconds, then minutes, then hours, then days."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        (12_345.6, "12,346 a second"),
        (2.04, "2.0 a second"),
        (0.1, "6.0 a minute"),
        (0.001, "3.6 an hour"),
    ],
)
def test_rates_are_told_in_a_unit_that_fits(pace: float, words: str) -> None:
    """A second, a minute or an hour, whichever gives a number that can be read."""
    assert HowFar(1, None, "rows", pace, None).pace() == words


def test_pieces_add_up_in_the_unit_they_are_told_in() -> None:
    """It begins with 0, and the last part of a unit is one as well."""
    heard = Heard()
    tally = Tally(heard, 2_500_000, "MB fetched", unit=MEGA)
    tally.add(1_000_000)
    tally.add(1_500_000)
    assert heard.told == [(0, 3, "MB fetched"), (1, 3, "MB fetched"), (3, 3, "MB fetched")]
    Tally(heard, None, "rows").add(7)
    assert heard.told[-2:] == [(0, None, "rows"), (7, None, "rows")]


def test_what_has_no_total_is_counted_alone() -> None:
    """Without a total there is a count, no share, and no time left."""
    far = HowFar(1_200, None, "rows", None, None)
    assert far.share is None
    assert far.in_words() == "rows: 1,200"
    assert counted(1_200, 5_000) == "1,200 of 5,000"
    assert HowFar(0, 0, "rows", None, 0.0).share == 1.0
    NOBODY.show(1, 2, "rows")
