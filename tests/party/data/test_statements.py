"""Statements that read, by their first word."""

from __future__ import annotations

import pytest

from feddmf_party.data.statements import reads


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1", True),
        ("\n  select 1;", True),
        ("-- all of it\n/* and\nmore */ ((SELECT 1))", True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", True),
        ("VALUES (1)", True),
        ("TABLE sales", True),
        ("SHOW server_version", True),
        ("drop table sales", False),
        ("/* SELECT */ DELETE FROM sales", False),
        ("-- SELECT", False),
        ("/* SELECT 1", False),
        ("selection", False),
        ("; SELECT 1", False),
        ("", False),
    ],
)
def test_the_first_word_counts(query: str, expected: bool) -> None:
    """In letters of any case, after comments and parentheses."""
    assert reads(query) == expected
