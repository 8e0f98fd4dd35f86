"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.answering import Backer, Backing, refuse_untrusted, warnings
from feddmf_party.cli.options import FolderOption, RunOption, finished_run
from feddmf_party.cli.sentences import evidence_lines, expected_lines
from feddmf_party.cli.written import check_place
from feddmf_party.folder import PartyFolder
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Block, Predictor, read_users
from feddmf_party.prediction_table import answers_of, score_column, write_predictions

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

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
_USUAL_SIZE = 20
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
    newcomers = None
    if interactions is not None:
        # Only this option reads tables.
        from feddmf_party.newcomers import load_newcomers

        newcomers = load_newcomers(interactions, PartyFolder(folder), kept)
    predictor = Predictor(kept, newcomers)
    chosen = [predictor.attribute(key, owner=owner) for key in dict.fromkeys(attribute)]
    backings = list(map(Backer(predictor).back, chosen))
    refuse_untrusted(predictor.run, backings, anyway=anyway)
    named = list(dict.fromkeys([*(user or ()), *(read_users(users) if users is not None else ())]))
    blocks = predictor.predict(chosen, named or None)
    if out is not None:
        _write(out, blocks, backings, predictor, output)
        return
    _check_shown((len(named) or predictor.users) * len(chosen))
    answers = [answer for block in blocks for answer in answers_of(block, backings, predictor.score_kind)]
    data = {
        **_about(predictor),
        "attributes": [backing.as_dict() for backing in backings],
        "predictions": answers,
    }
    columns, rows = _shown(answers, backings, predictor)
    made = table(columns, rows, title=f"run {predictor.run}", digits=_DIGITS)
    _show(data, output, made, evidence_lines(backings))
    _warn(backings)


@app.command("audience")
def audience(
    attribute: Annotated[str, typer.Option("--attribute", help="Key of the attribute.")],
    *,
    size: Annotated[
        int | None,
        typer.Option("--size", "--top", min=1, help="Number of users.", show_default=str(_USUAL_SIZE)),
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
    predictor = Predictor(finished_run(folder, run))
    backing = Backer(predictor).back(predictor.attribute(attribute, owner=owner))
    refuse_untrusted(predictor.run, [backing], anyway=anyway)
    if threshold:
        above = _chosen_threshold(backing)
    wanted = size or (_USUAL_SIZE if above is None else None)
    block = predictor.audience(backing.attribute, wanted, above=above)
    expected = backing.expect(block.probabilities[:, 0], predictor.users)
    told = {"above": above, "expected": None if expected is None else expected.as_dict()}
    if out is not None:
        _write(out, iter([block]), [backing], predictor, output, told=told)
        return
    _check_shown(len(block.users))
    chosen = backing.attribute
    columns, ranked = _ranked(block, chosen, predictor.score_kind)
    data = {**_about(predictor), "attribute": backing.as_dict(), **told, "users": ranked}
    title = f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {predictor.run}"
    made = table(columns, [tuple(each.values()) for each in ranked], title=title, digits=_DIGITS)
    _show(data, output, made, [*expected_lines(expected, len(block.users)), *evidence_lines([backing])])
    if size is not None and size > predictor.users:
        say(f"this party has {predictor.users} users in all")
    _warn([backing])


def _about(predictor: Predictor) -> dict[str, Any]:
    return {"run": predictor.run, "score_kind": predictor.score_kind}


def _shown(
    answers: Sequence[Mapping[str, Any]], backings: Sequence[Backing], predictor: Predictor
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return columns and rows for people: those that say nothing of any attribute are left out."""
    names = {each: each for each in ("user", "attribute", "owner")}
    names[score_column(predictor.score_kind)] = predictor.score_kind
    if any(backing.threshold is not None for backing in backings):
        names["above_threshold"] = "above"
    if any(len(backing.attribute.owners) > 1 for backing in backings):
        names["disagreement"] = "disagreement"
    return list(names.values()), [tuple(answer[name] for name in names) for answer in answers]


def _ranked(
    block: Block, attribute: Attribute, score_kind: str
) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Return the columns for people, and the ranking as rows for all."""
    several = len(attribute.owners) > 1
    columns = ("rank", "user", score_kind, *(["disagreement"] if several else []))
    rows = zip(block.users, block.probabilities[:, 0], block.disagreement[:, 0], strict=True)
    return columns, [
        {"rank": rank, "user": user, score_column(score_kind): float(score)}
        | ({"disagreement": float(apart)} if several else {})
        for rank, (user, score, apart) in enumerate(rows, 1)
    ]


def _chosen_threshold(backing: Backing) -> float:
    if backing.threshold is None:
        raise InputError(
            f"no threshold was chosen for {backing.attribute.key!r}: hidden items choose those of items, "
            "where a run has any",
            hint="cut the ranking yourself: --size N or --above P",
        )
    return backing.threshold


def _check_shown(rows: int) -> None:
    if rows > _MOST_SHOWN:
        raise InputError(f"{rows} rows are too many to show", hint="write them to a file with --out FILE.csv")


def _show(data: Mapping[str, Any], output: OutputFormat, made: Table, lines: Sequence[str]) -> None:
    """Show the table, and below it what stands behind it."""
    show(data, output, lambda: made)
    if output is OutputFormat.TEXT and lines:
        show(data, output, lambda: "\n".join(lines))


def _warn(backings: Sequence[Backing]) -> None:
    for warning in warnings(backings):
        say(warning)


def _write(
    out: Path,
    blocks: Iterator[Block],
    backings: Sequence[Backing],
    predictor: Predictor,
    output: OutputFormat,
    *,
    told: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    attributes = [backing.as_dict() for backing in backings]
    metadata = {
        "feddmf.run": predictor.run,
        "feddmf.score_kind": predictor.score_kind,
        "feddmf.attributes": json.dumps(attributes),
    }
    asked = [backing.attribute for backing in backings]
    written = write_predictions(out, blocks, asked, metadata=metadata)
    data = {**_about(predictor), "file": str(out), "rows": written, "attributes": attributes, **told}
    show(data, output, lambda: f"{written} rows in {out}")
    _warn(backings)
