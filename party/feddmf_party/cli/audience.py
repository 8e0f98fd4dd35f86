"""`feddmf query audience`: the users most likely to have some attributes, or what to expect of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.answers import ranked
from feddmf_party.audience_figures import Preview
from feddmf_party.cli.answers import ranking_columns
from feddmf_party.cli.options import (
    AboveOption,
    AllOption,
    AnyOption,
    AnywayOption,
    FolderOption,
    NoneOption,
    OutOption,
    OwnerOption,
    RunOption,
    SizeOption,
    ThresholdOption,
)
from feddmf_party.cli.sentences import between, evidence_lines, expected_lines, popularity_lines
from feddmf_party.cli.showing import (
    DIGITS,
    about,
    check_shown,
    show_with,
    warn,
    write,
)
from feddmf_party.cli.written import check_place
from feddmf_party.criteria import Criteria
from feddmf_party.questions import Audience, Questions, finished_run
from feddmf_party.wanted import Wanted

__all__ = ["audience"]

_CURVE = ("users", "probability", "precision", "recall", "lift", "busiest")


def audience(
    attribute: AllOption = None,
    *,
    either: AnyOption = None,
    without: NoneOption = None,
    size: SizeOption = None,
    above: AboveOption = None,
    threshold: ThresholdOption = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Name nobody: say what to expect, of other sizes too.")
    ] = False,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Rank the users most likely to have an attribute, and say how many of them to expect to have it.

    Several attributes are combined: all of --attribute, one at least of --any, none of --not.
    """
    check_place(out, folder)
    if (size is not None) + (above is not None) + threshold > 1:
        raise InputError("--size, --above and --threshold each cut the ranking", hint="give one of them")
    if preview and out is not None:
        raise InputError("--preview names nobody who could be written", hint="leave out --preview or --out")
    if not (attribute or either or without):
        raise InputError("Missing option '--attribute'", hint="see feddmf query audience --help")
    criteria = Criteria.naming(attribute, either, without)
    questions = Questions(finished_run(folder, run))
    wanted = questions.wanted(criteria, owner, anyway=anyway)
    if preview:
        seen = questions.preview(wanted, size, above=above, threshold=threshold)
        _show_preview(seen, wanted, questions, output)
    else:
        found = questions.audience(wanted, size, above=above, threshold=threshold)
        _show_audience(found, questions, out, output)
    if size is not None and size > questions.users:
        say(f"this party has {questions.users} users in all")
    warn(wanted.backings, evidence_shown=out is None and output is OutputFormat.TEXT)


def _show_audience(found: Audience, questions: Questions, out: Path | None, output: OutputFormat) -> None:
    wanted, users, expected = found.wanted, found.block.users, found.expected
    told = {"above": found.above, "expected": None if expected is None else expected.as_dict()}
    nobody = None if len(users) or found.above is None else _nobody(questions, wanted, found.above)
    if out is not None:
        write(
            out,
            iter([found.block]),
            [wanted],
            questions,
            output,
            backings=wanted.backings,
            rows=len(users),
            told=told,
        )
        if nobody is not None:
            say(nobody)
        return
    check_shown(len(users))
    rows = ranked(found, questions.score_kind)
    data = {**about(questions), **_sought(wanted), **told, "users": rows}
    title = _title(wanted, questions.run)
    columns = ranking_columns(wanted, questions.score_kind)
    made = table(columns, [tuple(each.values()) for each in rows], title=title, digits=DIGITS)
    lines = [*expected_lines(expected, len(users)), *evidence_lines(wanted.backings)]
    show_with(data, output, made if nobody is None else f"{title}\n{nobody}", lines)


def _show_preview(seen: Preview, wanted: Wanted, questions: Questions, output: OutputFormat) -> None:
    data = {**about(questions), **_sought(wanted), **seen.as_dict()}
    title = _title(wanted, questions.run)
    cut = "" if seen.above is None else f", down to {seen.above:.{DIGITS}f}"
    lines = [
        f"{seen.size} of {seen.users} users{cut}",
        *expected_lines(seen.expected, seen.size),
        *popularity_lines(seen.popularity),
        *evidence_lines(wanted.backings),
    ]
    show(data, output, lambda: table(_CURVE, _curve(seen), title=title, digits=DIGITS))
    if output is OutputFormat.TEXT:
        show(data, output, lambda: "\n".join(lines))


def _curve(seen: Preview) -> list[tuple[object, ...]]:
    """Return the sizes of a curve as rows for people."""
    rows: list[tuple[object, ...]] = []
    for point in seen.curve:
        expected = point.expected
        figures = (None,) * 3 if expected is None else (
            between(expected.precision, 2), between(expected.recall, 2), between(expected.lift, 1)
        )  # fmt: skip
        popular = None if point.popularity is None else f"{point.popularity:.2f}"
        rows.append((point.size, point.probability, *figures, popular))
    return rows


def _sought(wanted: Wanted) -> dict[str, Any]:
    return {
        "attribute": None if wanted.only is None else wanted.only.as_dict(),
        "attributes": [backing.as_dict() for backing in wanted.backings],
        "criteria": wanted.as_dict(),
    }


def _nobody(questions: Questions, wanted: Wanted, above: float) -> str:
    """Return that an audience is empty, and how much lower the cut would have to be."""
    highest = questions.audience(wanted, 1).block.probabilities
    most = f"; the highest is {float(highest[0, 0]):.{DIGITS}f}" if len(highest) else ""
    return f"nobody is above {above:g}{most}"


def _title(wanted: Wanted, run: str) -> str:
    if wanted.only is None:
        return f"{wanted.label} (offered by {wanted.owner}), run {run}"
    chosen = wanted.only.attribute
    return f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {run}"
