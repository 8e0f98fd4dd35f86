"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, table
from feddmf.cli.progress import LiveProgress
from feddmf_party.answers import answered
from feddmf_party.cli.answers import shown
from feddmf_party.cli.audience import audience
from feddmf_party.cli.bulk import bulk
from feddmf_party.cli.options import (
    AnywayOption,
    FolderOption,
    OutOption,
    OwnerOption,
    RunOption,
)
from feddmf_party.cli.sentences import evidence_lines
from feddmf_party.cli.showing import (
    DIGITS,
    about,
    check_shown,
    show_with,
    warn,
    write,
)
from feddmf_party.cli.why import why
from feddmf_party.cli.written import check_place
from feddmf_party.folder import PartyFolder
from feddmf_party.prediction import read_users
from feddmf_party.questions import Questions, finished_run
from feddmf_party.run_folder import RunFolder

if TYPE_CHECKING:
    from feddmf_party.newcomers import Newcomers

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("audience")(audience)
app.command("bulk")(bulk)
app.command("why")(why)


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
    count = (len(named) or questions.users) * len(backings)
    if out is not None:
        write(out, blocks, backings, questions, output, backings=backings, rows=count, told=told)
    else:
        check_shown(count)
        answers = list(answered(blocks, backings, questions.score_kind))
        attributes = [backing.as_dict() for backing in backings]
        data = {**about(questions), **told, "attributes": attributes, "predictions": answers}
        columns, rows = shown(answers, backings, questions.score_kind)
        made = table(columns, rows, title=f"run {questions.run}", digits=DIGITS)
        show_with(data, output, made, evidence_lines(backings))
    warn(backings, evidence_shown=out is None and output is OutputFormat.TEXT)
    for notice in notices:
        say(notice)


def _newcomers(table_: Path, folder: Path, kept: RunFolder) -> Newcomers:
    # Only this option reads tables.
    from feddmf_party.newcomers import Newcomers, load_newcomers

    with LiveProgress() as progress:
        table = load_newcomers(table_, PartyFolder(folder), kept, progress)
    return Newcomers(table_, kept, table)
