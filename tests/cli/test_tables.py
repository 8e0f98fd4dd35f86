"""What people see: tables that stay readable, whatever is in their cells and wherever they are shown."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from feddmf.cli.output import OutputFormat, envelope, print_error, say, show
from feddmf.cli.tables import printable, render, table, utc
from feddmf.errors import InputError


def test_columns_are_aligned_and_lines_end_with_their_last_word() -> None:
    """Numbers stand right, text left; None is a dash and makes a column of numbers no text."""
    made = table(("name", "n", "share"), [("a", 5, 0.12345), ("long one", 12345, None)], title="two of them")
    assert render(made).splitlines() == [
        "two of them",
        "name          n  share",
        "a             5  0.123",
        "long one  12345      -",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.9996, "1.000"),
        (-0.0001, "0.000"),
        (-0.0, "0.000"),
        (math.nan, "-"),
        (math.inf, "-"),
        (True, "yes"),
        (False, "no"),
        (None, "-"),
        (7, "7"),
        ("", ""),
    ],
)
def test_a_cell_is_shown_as_people_write_it(value: object, shown: str) -> None:
    """No minus before a zero, no nan, no True."""
    assert render(table(("x",), [(value,)])).splitlines()[1] == shown


def test_digits_can_be_asked_for() -> None:
    """Probabilities that differ behind the third digit are told apart."""
    assert render(table(("p",), [(0.99951,), (0.99942,)], digits=4)).split() == ["p", "0.9995", "0.9994"]


@pytest.mark.parametrize(
    "label", ["[bold]", "[/x]", "[red]x[/red]", ":smile:", "a [link=http://x]", "\\[", "%s{0}"]
)
def test_marks_in_a_cell_are_text(label: str) -> None:
    """A label is shown as it is, in a cell, a header and a title."""
    shown = render(table((label,), [(label,)], title=label)).splitlines()
    assert shown == [label, label, label]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb", "a\\nb"),
        ("a\rb\tc", "a\\rb\\tc"),
        ("\x07\x9b", "\\x07\\x9b"),
        ("a\u202eb", "a\\u202eb"),
        ("\udcff", "\\udcff"),
        ("naïve 東京 🎈", "naïve 東京 🎈"),
    ],
)
def test_no_cell_can_steer_a_terminal(text: str, shown: str) -> None:
    """Controls, line ends and direction marks are written out; letters stay."""
    assert printable(text) == shown
    assert render(table(("x",), [(text,)])).splitlines()[1] == shown


def test_wide_letters_keep_columns_aligned() -> None:
    """A letter of two cells counts two."""
    lines = render(table(("label", "n"), [("東京", 1), ("abcd", 2)])).splitlines()
    assert lines[1:] == ["東京   1", "abcd   2"]


def test_a_pipe_gets_lines_of_any_length() -> None:
    """Nothing is folded or cut where no terminal is."""
    label = "x" * 5_000
    assert f"k  {label}" in render(table(("key", "label"), [("k", label)])).splitlines()[1].replace(
        "k    ", "k  "
    )


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 20 columns."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def plain(text: str) -> list[str]:
    """Return lines without their styles and the blanks that these hold."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()]


def test_a_narrow_terminal_gets_text_folded_between_words(narrow: None) -> None:
    """Each column keeps to its place; numbers stay whole."""
    made = table(("item sold", "share"), [("a label of many words", 0.123)])
    assert plain(render(made)) == ["item sold      share", "a label of     0.123", "many words"]


@pytest.mark.parametrize("row", [("x" * 30, 1), ("AB:" * 31 + "CD", 1), ("short", 10**18)])
def test_what_a_narrow_terminal_cannot_fold_stays_whole(narrow: None, row: tuple[str, int]) -> None:
    """A key or a fingerprint can be copied, a number read: the line is longer then than the terminal."""
    lines = plain(render(table(("key", "n"), [row])))
    assert len(lines) == 2
    assert lines[1].split() == [row[0], str(row[1])]


@pytest.mark.parametrize(("no_color", "styled"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, no_color: str, styled: bool
) -> None:
    """NO_COLOR leaves no colour; a pipe, whatever FORCE_COLOR says, has no escape at all."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in render(table(("x",), [(1,)], title="t"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = render(table(("x",), [("1",)], title="t"))
    assert ("\x1b[1m" in shown) or not styled
    assert "\x1b[3" not in shown


def test_times_say_their_zone() -> None:
    """Whatever zone a time is in, people read UTC."""
    time = datetime(2025, 1, 31, 23, 30, 59, tzinfo=timezone(timedelta(hours=-2)))
    assert (utc(time), utc(None)) == ("2025-02-01 01:30 UTC", None)
    assert utc(datetime(2025, 1, 1, tzinfo=UTC)) == "2025-01-01 00:00 UTC"


def test_an_envelope_is_strict_json() -> None:
    """NaN and infinities, which JSON does not know, are null, however deep."""
    made = envelope({"a": [1.5, math.nan, {"b": (math.inf, "é\ud800")}]})
    parsed = json.loads(made, parse_constant=pytest.fail)
    assert parsed == {
        "feddmf": 1,
        "ok": True,
        "data": {"a": [1.5, None, {"b": [None, "é\ud800"]}]},
        "error": None,
    }
    assert made.isascii()


def test_an_answer_is_on_stdout_and_talk_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is printed as it is made; JSON never calls what makes it."""
    show({"a": 1}, OutputFormat.TEXT, lambda: "one\x1b")
    say("by the way\x1b[2J")
    show({"a": 1}, OutputFormat.JSON, lambda: pytest.fail("not asked for"))
    out, err = capsys.readouterr()
    assert out.splitlines() == ["one\\x1b", envelope({"a": 1})]
    assert err == "by the way\\x1b[2J\n"


def test_an_error_is_one_line_and_its_hint_another(capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries' messages of several lines are joined."""
    print_error(InputError("cannot read x:\n  line 1\n", hint="mend\nit"), OutputFormat.TEXT)
    print_error(InputError("no hint"), OutputFormat.TEXT)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: cannot read x: line 1\n  to do: mend it\nerror: no hint\n"
