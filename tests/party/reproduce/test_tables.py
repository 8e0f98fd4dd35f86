"""Rows as Markdown: spreads over seeds, filters, tables."""

from __future__ import annotations

import math

from feddmf_party.reproduce.tables import markdown, spread, where


def test_a_spread_is_mean_and_sample_deviation() -> None:
    """One value has a mean and no deviation, none has neither."""
    assert spread([1.0, 3.0]) == (2.0, math.sqrt(2.0))
    assert str(spread([1.0, 3.0])) == "2.000 ± 1.414"
    assert str(spread([0.25])) == "0.250"
    assert str(spread([])) == "-"


def test_rows_are_chosen_by_their_values() -> None:
    """All named values must agree."""
    rows = [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}]
    assert where(rows, a="1", b="x") == [rows[0]]
    assert where(rows, b="x") == [rows[0], rows[2]]


def test_a_table_is_markdown() -> None:
    """Head, alignment, body."""
    assert markdown(("k", "v"), [("a", 1), ("b", 2)]) == "| k | v |\n| --- | --: |\n| a | 1 |\n| b | 2 |\n"
