"""`feddmf query why`: which of a user's own items drive the score for an attribute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf_party.answering import warnings
from feddmf_party.cli.options import AnywayOption, FolderOption, OwnerOption, RunOption
from feddmf_party.cli.sentences import evidence_lines
from feddmf_party.explaining import Driver, Explanation, explain
from feddmf_party.questions import Questions, finished_run

__all__ = ["why"]

_DIGITS = 4
_COLUMNS = ("item", "label", "score without", "effect", "similarity", "matched with")


def why(
    user: Annotated[str, typer.Option("--user", help="User id.")],
    attribute: Annotated[str, typer.Option("--attribute", help="Key of the attribute.")],
    *,
    top: Annotated[int, typer.Option(min=1, max=1_000, help="Items to name each way.")] = 10,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Say which of a user's own items drive the score for an attribute, by leaving out one at a time."""
    questions = Questions(finished_run(folder, run))
    found = explain(questions, user, attribute, owner, anyway=anyway, top=top)
    data = found.as_dict()
    if output is OutputFormat.JSON:
        show(data, output, str)
    else:
        for part in _parts(found):
            show(data, output, lambda part=part: part)  # type: ignore[misc]
    for warning in warnings([found.backing], evidence_shown=output is OutputFormat.TEXT):
        say(warning)


def _parts(found: Explanation) -> list[object]:
    chosen = found.backing.attribute
    title = f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {found.run}"
    parts: list[object] = [f"{title}\n{found.score_kind} of {found.user}: {found.score:.{_DIGITS}f}"]
    if found.why_not:
        parts.append(found.why_not)
    if found.items is not None:
        parts.append(_counted(found.items, found.considered))
    for title, drivers in (("raises it", found.supporting), ("lowers it", found.opposing)):
        if drivers:
            parts.append(table(_COLUMNS, _rows(drivers), title=f"\n{title}", digits=_DIGITS))
    if found.score_without_supporting is not None:
        kept = f"{found.score_without_supporting:.{_DIGITS}f}"
        parts.append(f"without all {len(found.supporting)} that raise it together: {kept}")
    return [*parts, "\n".join(evidence_lines([found.backing]))]


def _counted(items: int, considered: int) -> str:
    nearest = f", the {considered} nearest" if considered < items else ""
    return f"{items} items count; each was left out alone{nearest}"


def _rows(drivers: Sequence[Driver]) -> list[tuple[object, ...]]:
    return [
        (
            each.key,
            each.label,
            each.score_without,
            each.effect,
            each.similarity,
            ", ".join(each.matched_with) or None,
        )
        for each in drivers
    ]
