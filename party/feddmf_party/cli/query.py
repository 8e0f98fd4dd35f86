"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.answering import Backing, warnings
from feddmf_party.answers import answered, ranked
from feddmf_party.cli.answers import ranking_columns, shown
from feddmf_party.cli.bulk import bulk
from feddmf_party.cli.options import FolderOption, RunOption
from feddmf_party.cli.sentences import evidence_lines, expected_lines
from feddmf_party.cli.written import check_place
from feddmf_party.folder import PartyFolder
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Block, read_users
from feddmf_party.prediction_table import write_predictions
from feddmf_party.questions import USUAL_SIZE, Questions, finished_run
from feddmf_party.run_folder import RunFolder

if TYPE_CHECKING:
    from feddmf_party.newcomers import Newcomers

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("bulk")(bulk)

OwnerOption = Annotated[
    str | None, typer.Option(help="Peer that published the attribute; all who did make one answer.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write here, .csv or .parquet, instead of showing.")
]
AnywayOption = Annotated[
    bool, typer.Option("--anyway", help="Answer also where the evidence says that it is of no use.")
]

# More rows than this belong in a file.
_MOST_SHOWN = 1_000
# Neighbours in a ranking differ behind the third digit.
_DIGITS = 4


@app.command("predict")
def predict(
    attribute: Annotated[list[str], typer.Option("--attribute", help="Key of an attribute; repeatable.")],
    *,
    user: Annotated[
        list[str] | None, typer.Option(help="User id; repeatable.", show_default="all users")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="Text file with one user id a line.")] = None,
    interactions: Annotated[
        Path | None,
        typer.Option(help="Score the users of this table, who came after the run; columns like your own."),
    ] = None,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Score users (all of them by default) for one attribute or more."""
    check_place(out, folder)
    kept = finished_run(folder, run)
    newcomers = None if interactions is None else _newcomers(interactions, folder, kept)
    questions = Questions(kept, None if newcomers is None else newcomers.table)
    backings = questions.named(attribute, owner, anyway=anyway)
    named = list(dict.fromkeys([*(user or ()), *(read_users(users) if users is not None else ())]))
    told: dict[str, Any] = {}
    notices: list[str] = []
    if newcomers is not None:
        newcomers.refuse_absent(named)
        novelty = newcomers.novelty(questions.predictor.arrays, named)
        told, notices = {"newcomers": novelty.as_dict()}, newcomers.notices(novelty)
    blocks = questions.scores([backing.attribute for backing in backings], named or None)
    if out is not None:
        _write(out, blocks, backings, questions, output, told=told)
    else:
        _check_shown((len(named) or questions.users) * len(backings))
        answers = list(answered(blocks, backings, questions.score_kind))
        attributes = [backing.as_dict() for backing in backings]
        data = {**_about(questions), **told, "attributes": attributes, "predictions": answers}
        columns, rows = shown(answers, backings, questions.score_kind)
        made = table(columns, rows, title=f"run {questions.run}", digits=_DIGITS)
        _show(data, output, made, evidence_lines(backings))
    _warn(backings, evidence_shown=out is None and output is OutputFormat.TEXT)
    for notice in notices:
        say(notice)


@app.command("audience")
def audience(
    attribute: Annotated[list[str], typer.Option("--attribute", help="Key of the attribute; one alone.")],
    *,
    size: Annotated[
        int | None,
        typer.Option("--size", "--top", min=1, help="Number of users.", show_default=str(USUAL_SIZE)),
    ] = None,
    above: Annotated[
        float | None, typer.Option(min=0, max=1, help="All users with a higher probability than this.")
    ] = None,
    threshold: Annotated[
        bool, typer.Option("--threshold", help="All users above the threshold that hidden items chose.")
    ] = False,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Rank the users most likely to have an attribute, and say how many of them to expect to have it."""
    check_place(out, folder)
    if (size is not None) + (above is not None) + threshold > 1:
        raise InputError("--size, --above and --threshold each cut the ranking", hint="give one of them")
    questions = Questions(finished_run(folder, run))
    (backing,) = questions.named([_only(attribute)], owner, anyway=anyway)
    found = questions.audience(backing, size, above=above, threshold=threshold)
    users, expected = found.block.users, found.expected
    told = {"above": found.above, "expected": None if expected is None else expected.as_dict()}
    nobody = None if len(users) or found.above is None else _nobody(questions, backing, found.above)
    if out is not None:
        _write(out, iter([found.block]), [backing], questions, output, told=told)
        if nobody is not None:
            say(nobody)
    else:
        _check_shown(len(users))
        rows = ranked(found.block, backing, questions.score_kind)
        data = {**_about(questions), "attribute": backing.as_dict(), **told, "users": rows}
        title = _title(backing.attribute, questions.run)
        columns = ranking_columns(backing, questions.score_kind)
        made = table(columns, [tuple(each.values()) for each in rows], title=title, digits=_DIGITS)
        lines = [*expected_lines(expected, len(users)), *evidence_lines([backing])]
        _show(data, output, made if nobody is None else f"{title}\n{nobody}", lines)
    if size is not None and size > questions.users:
        say(f"this party has {questions.users} users in all")
    _warn([backing], evidence_shown=out is None and output is OutputFormat.TEXT)


def _newcomers(table_: Path, folder: Path, kept: RunFolder) -> Newcomers:
    # Only this option reads tables.
    from feddmf_party.newcomers import Newcomers, load_newcomers

    return Newcomers(table_, kept, load_newcomers(table_, PartyFolder(folder), kept))


def _only(keys: Sequence[str]) -> str:
    """Return the one attribute that is named; InputError for several."""
    first, *others = dict.fromkeys(keys)
    if others:
        raise InputError(
            f"an audience is ranked by one attribute, and {len(others) + 1} are named: "
            f"{', '.join(map(repr, (first, *others)))}",
            hint="ask for one at a time, or score users for all of them: feddmf query predict",
        )
    return first


def _nobody(questions: Questions, backing: Backing, above: float) -> str:
    """Return that an audience is empty, and how much lower the cut would have to be."""
    highest = questions.audience(backing, 1).block.probabilities
    most = f"; the highest is {float(highest[0, 0]):.{_DIGITS}f}" if len(highest) else ""
    return f"nobody is above {above:g}{most}"


def _title(chosen: Attribute, run: str) -> str:
    return f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {run}"


def _about(questions: Questions) -> dict[str, Any]:
    return {"run": questions.run, "score_kind": questions.score_kind}


def _check_shown(rows: int) -> None:
    if rows > _MOST_SHOWN:
        raise InputError(f"{rows} rows are too many to show", hint="write them to a file with --out FILE.csv")


def _show(data: Mapping[str, Any], output: OutputFormat, made: Table | str, lines: Sequence[str]) -> None:
    """Show the table, and below it what stands behind it."""
    show(data, output, lambda: made)
    if output is OutputFormat.TEXT and lines:
        show(data, output, lambda: "\n".join(lines))


def _warn(backings: Sequence[Backing], *, evidence_shown: bool) -> None:
    for warning in warnings(backings, evidence_shown=evidence_shown):
        say(warning)


def _write(
    out: Path,
    blocks: Iterator[Block],
    backings: Sequence[Backing],
    questions: Questions,
    output: OutputFormat,
    *,
    told: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    attributes = [backing.as_dict() for backing in backings]
    metadata = {
        "feddmf.run": questions.run,
        "feddmf.score_kind": questions.score_kind,
        "feddmf.attributes": json.dumps(attributes),
    }
    written = write_predictions(out, blocks, backings, metadata=metadata)
    data = {**_about(questions), "file": str(out), "rows": written, "attributes": attributes, **told}
    show(data, output, lambda: f"{written} rows in {out}")
