"""Progress of commands: a line that moves on a terminal, a few lines elsewhere, nothing on stdout."""

from __future__ import annotations

import io
import re
import sys
from contextlib import suppress

import pytest

from feddmf.cli.progress import LiveProgress, RoundProgress

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class _Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def drawn(self) -> list[str]:
        """Return all that was ever drawn, line by line, without colours and moves."""
        return [
            line.strip() for line in re.split(r"[\r\n]", _CONTROL.sub("", self.getvalue())) if line.strip()
        ]


class _Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Make stderr a terminal of 100 columns; no fixture, since pytest sets stderr anew after those."""
    stream = _Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_short_work_says_nothing_where_nobody_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Work of less than some seconds has no line."""
    clock = _Clock()
    with LiveProgress(clock) as progress:
        for done in range(5):
            progress.show(done, 4, "rows")
            clock.now += 1
    assert capsys.readouterr() == ("", "")


def test_long_work_says_less_and_less_often_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """After 5, 10, 20, 40 and 80 seconds, with pace and time left, and at its end how long it took."""
    clock = _Clock()
    with LiveProgress(clock) as progress:
        for done in range(121):
            progress.show(10 * done, 1_200, "rows")
            clock.now += 1 if done < 120 else 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "rows: 50 of 1,200, 10 a second, 115 s left",
        "rows: 100 of 1,200, 10 a second, 110 s left",
        "rows: 200 of 1,200, 10 a second, 100 s left",
        "rows: 400 of 1,200, 10 a second, 80 s left",
        "rows: 800 of 1,200, 10 a second, 40 s left",
        "rows: 1,200 of 1,200, in 2 min",
    ]


def test_a_stage_that_begins_late_has_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither its beginning nor its end, where it was short."""
    clock = _Clock()
    with LiveProgress(clock) as progress:
        clock.now += 9
        progress.show(0, 1, "files")
        progress.show(1, 1, "files")
    assert capsys.readouterr().err == ""


def test_work_that_fails_does_not_say_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Its last line is how far it came."""
    clock = _Clock()
    with LiveProgress(clock) as progress, suppress(KeyError):
        progress.show(0, 10, "rows")
        clock.now += 6
        progress.show(3, 10, "rows")
        raise KeyError
    assert capsys.readouterr().err == "rows: 3 of 10, 0.5 a second, 14 s left\n"


def test_on_a_terminal_a_line_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is counted, how far, how fast, what is being done; worthwhile work leaves how long it took."""
    terminal = on_a_terminal(monkeypatch)
    clock = _Clock()
    with LiveProgress(clock) as progress:
        progress.show(0, 4_000, "rows")
        clock.now += 2
        progress.show(1_000, 4_000, "rows")
        progress.detail("the second part")
        progress._bar.refresh()
        clock.now += 6
        progress.show(4_000, 4_000, "rows")
    drawn = terminal.drawn()
    assert any(
        line.startswith("rows") and line.endswith("1,000 of 4,000  500 a second, 6 s left the second part")
        for line in drawn
    ), drawn
    assert re.fullmatch(r"rows ━+ 4,000 of 4,000  in 8 s", drawn[-1])
    assert capsys.readouterr().out == ""


def test_the_line_says_for_how_long_work_goes_on_without_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """And, once all is done, in how long it was, however much later the line is left."""
    terminal = on_a_terminal(monkeypatch)
    clock = _Clock()
    with LiveProgress(clock) as progress:
        progress.show(0, 3, "models")
        clock.now += 7
        progress._bar.refresh()
        assert terminal.drawn()[-1].endswith("0 of 3  for 7 s")
        progress.show(3, 3, "models")
        clock.now += 60
    assert terminal.drawn()[-1].endswith("3 of 3  in 7 s")


def test_short_work_leaves_no_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over at once is wiped away: the last thing that is written erases the line."""
    terminal = on_a_terminal(monkeypatch)
    clock = _Clock()
    with LiveProgress(clock) as progress:
        progress.show(0, 2, "rows")
        clock.now += 0.5
        progress.show(2, 2, "rows")
    assert "2 of 2" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_answers_stay_on_stdout_while_a_line_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed beside a progress is data all the same."""
    terminal = on_a_terminal(monkeypatch)
    with LiveProgress() as progress:
        progress.show(1, 2, "rows")
        sys.stdout.write("data\n")
    assert capsys.readouterr().out == "data\n"
    assert "data" not in terminal.getvalue()


def test_rounds_have_figures_and_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Rounds that were over before anybody looked say nothing of the pace."""
    with RoundProgress(4) as progress:
        progress.add({"loss": 0.5}, 1_000_000, is_past=True)
        progress.add({"loss": 0.25}, 2_000_000, is_past=True)
        progress.add({"loss": 0.125, "cosine": float("nan")}, 3_000_000)
        progress.add({"rank": 3}, 4_000_000)
    assert [line.partition(" MB")[0] for line in capsys.readouterr().err.splitlines()] == [
        "round 1/4  loss 0.500  1.0",
        "round 2/4  loss 0.250  2.0",
        "round 3/4  loss 0.125  3.0",
        "round 4/4  rank 3  4.0",
    ]


def test_rounds_move_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bar, count and figures; nothing is left at the end."""
    terminal = on_a_terminal(monkeypatch)
    with RoundProgress(2) as progress:
        progress.add({"loss": 0.5}, 1_000_000)
        progress.add({"loss": 0.25}, 2_000_000)
    assert any("waiting for the parties" in line for line in terminal.drawn())
    assert terminal.drawn()[-1].endswith("2/2  loss 0.250  2.0 MB")
