"""docs/PERFORMANCE.md from the files that `feddmf bench --out` has written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from feddmf.errors import InputError
from feddmf.files import read_text

__all__ = ["document"]

_COLUMNS = ("", "baseline", "ratio", "value", "unit", "share of limit", "peak MiB")


def document(intro: str, files: Sequence[Path]) -> str:
    """Return the page: `intro`, then a table for each file of a suite."""
    return "\n".join([intro.rstrip(), *(line for path in files for line in _section(path))]) + "\n"


def _section(path: Path) -> Iterator[str]:
    again = "measure again: feddmf bench SUITE --scale full --out " + path.name
    try:
        said: Mapping[str, Any] = json.loads(read_text(path, what="a benchmark's rows", hint=again))
        machine = ", ".join(f"{name} {value}" for name, value in said["machine"].items())
        yield f"\n## {said['suite']}\n"
        yield f"`feddmf bench {said['suite']} --scale {said['scale']}`\n"
        yield "| " + " | ".join(_COLUMNS) + " |"
        yield "| :-- | :-- | --: | --: | :-- | --: | --: |"
        for row in said["rows"]:
            yield "| " + " | ".join(_cells(row)) + " |"
        yield f"\nOn: {machine}."
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no rows of a benchmark: {error}", hint=again) from error


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    share, ratio = row["share_of_limit"], row["ratio"]
    return (
        str(row["name"]),
        str(row["baseline"]) or "-",
        "-" if ratio is None else f"{ratio:.2f}",
        f"{row['value']:,.4g}",
        str(row["unit"]),
        "-" if share is None else f"{share:.0%}",
        f"{row['peak_mib']:,.0f}",
    )
