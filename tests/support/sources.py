"""The product's own source files as syntax trees: what they import, and what they call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Source", "sources"]

ROOT = Path(__file__).parents[2]
ROOTS = {
    "feddmf": ROOT / "core",
    "feddmf_party": ROOT / "party",
    "feddmf_coordinator": ROOT / "coordinator",
}


@dataclass(frozen=True, eq=False)
class Source:
    """One module: its dotted name and its syntax tree."""

    module: str
    tree: ast.Module

    def imports(self) -> set[str]:
        """Return the dotted names that it imports anywhere, inside functions too."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.module} imports relatively"
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def imports_any(self, *names: str) -> set[str]:
        """Return those of its imports that are one of the packages `names` or inside them."""
        dotted = tuple(f"{name}." for name in names)
        return {found for found in self.imports() if f"{found}.".startswith(dotted)}

    def calls(self) -> Iterator[str]:
        """Yield what it calls, as it is written before the parenthesis."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func)


@cache
def sources(package: str) -> tuple[Source, ...]:
    """Return all modules of a package or module, generated ones aside."""
    root = ROOTS[package.partition(".")[0]]
    paths = sorted(root.rglob("*.py"))
    assert paths, root
    named = (Source(_name(path.relative_to(root)), ast.parse(path.read_text())) for path in paths)
    return tuple(
        each for each in named if "_pb2" not in each.module and f"{each.module}.".startswith(f"{package}.")
    )


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
