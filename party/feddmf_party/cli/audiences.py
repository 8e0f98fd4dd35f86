"""`feddmf audiences`: save audiences under a name, look at them, write their users to a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.cli.tables import utc
from feddmf.quality import Interval
from feddmf_party.answering import warnings
from feddmf_party.audiences.exports import ExportFiles
from feddmf_party.audiences.saved import AudienceStore, Cut, SavedAudience, save
from feddmf_party.audiences.writing import write_audience
from feddmf_party.cli.options import (
    AboveOption,
    AllOption,
    AnyOption,
    AnywayOption,
    FolderOption,
    NoneOption,
    OwnerOption,
    RunOption,
    SizeOption,
    ThresholdOption,
)
from feddmf_party.cli.sentences import between
from feddmf_party.cli.written import check_place
from feddmf_party.criteria import Criteria
from feddmf_party.folder import PartyFolder
from feddmf_party.questions import Questions, finished_run

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(help="Name of the audience.")]

_ENDS = ("value", "lower", "upper")
_BY = "the command line"
_COLUMNS = ("name", "users", "who", "cut", "expected precision", "run", "saved", "by")


@app.command("save")
def save_(
    name: Annotated[
        str, typer.Argument(help="A free name: lower-case letters, digits, hyphens, underscores.")
    ],
    *,
    attribute: AllOption = None,
    either: AnyOption = None,
    without: NoneOption = None,
    size: SizeOption = None,
    above: AboveOption = None,
    threshold: ThresholdOption = False,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Save an audience under a name; its users are found again whenever they are wanted."""
    questions = Questions(finished_run(folder, run))
    criteria = Criteria.naming(attribute, either, without)
    cut = Cut(size=size, above=above, threshold=threshold)
    store = _store(folder)
    made = save(store, questions, name, criteria, cut, by=_BY, owner=owner, anyway=anyway)
    show(made.as_dict(), output, lambda: f"{made.users} users are saved as {name}")
    backings = questions.wanted(criteria, owner, anyway=anyway).backings
    for warning in warnings(backings):
        say(warning)


@app.command("list")
def list_(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List saved audiences, by name."""
    found, damaged = _store(folder).readable()
    data = {
        "audiences": [each.as_dict() for each in found],
        "damaged": [{"error": each.message, "hint": each.hint} for each in damaged],
    }
    rows = [_row(each) for each in found]
    show(data, output, lambda: table(_COLUMNS, rows) if rows else "no audience is saved")
    for each in damaged:
        say(f"{each.message}; to do: {each.hint}")


@app.command("show")
def show_(
    name: NameArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Show one saved audience, and the files of it that the query API keeps."""
    found = _store(folder).find(name)
    exports = [each for each in _exports(folder).all() if each.audience == name]
    data = {**found.as_dict(), "exports": [each.model_dump(mode="json") for each in exports]}
    pairs: list[tuple[str, Any]] = list(zip(_COLUMNS, _row(found), strict=True))
    pairs += [(f"export {each.id}", f"{each.format}, {each.state}, {each.rows} rows") for each in exports]
    show(data, output, lambda: table(("", ""), pairs))


@app.command("remove")
def remove(
    name: NameArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Remove a saved audience, and the files of it that the query API keeps."""
    removed = _store(folder).remove(name)
    files = _exports(folder)
    # Whoever writes one of them finds it gone, and ends.
    exports = [each for each in files.all() if each.audience == name]
    for each in exports:
        files.remove(each)
    data = {**removed.as_dict(), "exports_removed": len(exports)}
    show(data, output, lambda: f"audience {name} is removed, with {len(exports)} files of it")


@app.command("export")
def export(
    name: NameArgument,
    out: Annotated[Path, typer.Option("--out", help="Write here, .csv or .parquet.")],
    *,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write the users of a saved audience to a file, best first, by the run that it was saved for."""
    check_place(out, folder)
    audience = _store(folder).find(name)
    questions = Questions(finished_run(folder, audience.run))
    with LiveProgress() as progress:
        rows = write_audience(out, audience, questions, progress)
    data = {"audience": name, "run": audience.run, "file": str(out), "rows": rows}
    show(data, output, lambda: f"{rows} rows in {out}")


def _store(folder: Path) -> AudienceStore:
    return AudienceStore(PartyFolder(folder).audiences)


def _exports(folder: Path) -> ExportFiles:
    return ExportFiles(PartyFolder(folder).exports)


def _row(audience: SavedAudience) -> tuple[object, ...]:
    return (
        audience.name,
        audience.users,
        audience.criteria.describe(),
        audience.cut.describe(),
        _precision(audience),
        audience.run,
        utc(audience.created_at),
        audience.created_by,
    )


def _precision(audience: SavedAudience) -> str | None:
    if audience.expected is None:
        return None
    ends = audience.expected["precision"]
    return between(Interval(*(math.nan if ends[end] is None else ends[end] for end in _ENDS)), 2)
