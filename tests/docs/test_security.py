"""SECURITY.md names tests that are there, and has a row for every attack that it must speak of."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
TABLE = TEXT.partition("## Attacks that were tried")[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
TRIED = (
    *("no certificate", "wrong CA", "name theft", "replay", "another party's run", "oversize", "slow sender"),
    *("truncated stream", "NaN", "wrong shape", "path in a name", "deep nesting"),
)


@cache
def named_in(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file."""
    nodes = ast.parse(path.read_text()).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_is_named_is_there(file: str, name: str) -> None:
    """Each test of the table, and each file that a statement rests on."""
    found = named_in(ROOT / file)
    assert name in found if name else any(each.startswith("test_") for each in found)


def test_every_row_names_a_test() -> None:
    """No attack is listed that nothing tries."""
    rows = [line for line in TABLE.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 30
    for row in rows:
        assert re.search(r"`tests/[\w/]+\.py::test_\w+`", row), row


@pytest.mark.parametrize("attack", TRIED)
def test_what_must_be_tried_is_in_the_table(attack: str) -> None:
    """By the name that it has there."""
    assert re.search(rf"(?im)^\| [^|]*{re.escape(attack)}", TABLE)


def test_links_within_lead_somewhere() -> None:
    """Headings and files that are linked exist."""
    titles = re.findall(r"(?m)^#+ (.+)$", TEXT)
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert link[1:] in headings if link.startswith("#") else (ROOT / link).is_file(), link
