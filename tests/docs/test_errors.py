"""docs/errors.md: every exit code and every kind of error, each reached by a test that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from feddmf import errors
from feddmf.errors import FedDMFError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def kinds(of: type[FedDMFError] = FedDMFError) -> Iterator[type[FedDMFError]]:
    """Yield a kind and all below it that are ours to show."""
    yield of
    for below in of.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from kinds(below)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return found[2:]


@cache
def functions(file: str) -> frozenset[str]:
    """Return the functions of a test file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


CODES, KINDS = rows("Exit codes"), rows("Kinds")


def test_every_exit_code_is_there() -> None:
    """0, and those that errors have."""
    assert [int(row[0]) for row in CODES] == sorted({0} | {kind.exit_code for kind in kinds()})


def test_every_kind_is_there_with_its_code() -> None:
    """Each class of feddmf.errors, in its order there or not, once."""
    told = {row[0].strip("`"): int(row[1]) for row in KINDS}
    assert len(told) == len(KINDS)
    assert told == {kind.__name__: kind.exit_code for kind in kinds()}
    assert set(told) == set(errors.__all__)


def test_kinds_of_other_modules_have_a_code_that_is_there() -> None:
    """A subclass elsewhere is shown under its own name, and ends with the code of its base."""
    below = {kind for base in kinds() for kind in base.__subclasses__()} - set(kinds())
    assert all(kind.exit_code == kind.__mro__[1].exit_code for kind in below)  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", [*CODES, *KINDS], ids=lambda row: row[0])
def test_every_row_says_what_to_do_and_is_reached(row: list[str]) -> None:
    """Meaning and what to do are sentences; the test exists."""
    *_, meaning, to_do, test = row
    assert meaning.endswith(".")
    assert to_do.endswith(".")
    named = re.fullmatch(r"`(tests/\S+\.py)::(test_\w+)`", test)
    assert named is not None, test
    assert named[2] in functions(named[1])


def test_each_kind_that_the_command_line_tells_is_asserted() -> None:
    """A test of tests/cli/test_errors.py that stands for a kind says its name and its code."""
    source = (ROOT / "tests" / "cli" / "test_errors.py").read_text(encoding="utf-8")
    bodies = {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }
    for kind, code, *_, test in KINDS:
        file, name = test.strip("`").split("::")
        if file == "tests/cli/test_errors.py":
            assert f'({code}, "{kind.strip("`")}")' in bodies[name], kind
