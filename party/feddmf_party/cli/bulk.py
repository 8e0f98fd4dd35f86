"""`feddmf query bulk`: each attribute's best users, or each user's best attributes, into one file."""

from __future__ import annotations

import enum
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show
from feddmf.cli.progress import LiveProgress
from feddmf.errors import InputError
from feddmf.progress import NOBODY, Tally
from feddmf.ranks import Ranks, gathered
from feddmf_party.answering import Backing, warnings
from feddmf_party.bulk import Advance, Ranked, best_attributes, best_users
from feddmf_party.bulk_shared import shared_best_attributes, shared_best_users
from feddmf_party.bulk_table import write_ranked
from feddmf_party.cli.options import AnywayOption, FolderOption, OwnerOption, RunOption
from feddmf_party.cli.written import check_place
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Predictor, read_keys
from feddmf_party.questions import Questions, finished_run

__all__ = ["bulk"]

_ALL = "all"


class _By(enum.StrEnum):
    """For whom the best are chosen."""

    ATTRIBUTE = "attribute"
    USER = "user"


def bulk(
    out: Annotated[Path, typer.Option("--out", help="Write here, .parquet.")],
    top: Annotated[int, typer.Option(min=1, help="How many are kept for each.")],
    *,
    attributes: Annotated[
        str, typer.Option(help="Text file with one key a line; all takes what evidence speaks for.")
    ] = _ALL,
    by: Annotated[
        _By, typer.Option(help="Keep each attribute's best users, or each user's best attributes.")
    ] = _By.ATTRIBUTE,
    run: RunOption = None,
    owner: OwnerOption = None,
    anyway: AnywayOption = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Score all users for many attributes, and write the best of them to a Parquet file."""
    _check_out(out, folder)
    questions = Questions(finished_run(folder, run))
    predictor = questions.predictor
    backings, left_out = _asked(questions, attributes, owner, anyway=anyway)
    asked = [backing.attribute for backing in backings]
    told = [backing.as_dict() for backing in backings]
    metadata = {
        "feddmf.run": predictor.run,
        "feddmf.score_kind": predictor.score_kind,
        "feddmf.attributes": json.dumps(told),
        "feddmf.top": f"{top} by {by}",
    }
    with gathered() as ranks, LiveProgress() as progress:
        told_to = progress if ranks is None or ranks.is_first else NOBODY
        tally = Tally(told_to, predictor.users * len(asked), "cells scored")
        ranked = _ranked(by, predictor, asked, top, tally.add, ranks)
        if ranks is not None and not ranks.is_first:
            # The first process takes what this one finds, and writes it.
            deque(ranked, maxlen=0)
            ranks.hear()
            return
        ids = predictor.user_ids
        rows = write_ranked(out, ranked, ids, backings, metadata=metadata)
    data = {
        "run": predictor.run,
        "score_kind": predictor.score_kind,
        "file": str(out),
        "rows": rows,
        "attributes": told,
        "left_out": [backing.attribute.key for backing in left_out],
    }
    show(data, output, lambda: f"{rows} rows in {out}")
    for warning in warnings(backings):
        say(warning)
    if left_out:
        count = f"{len(left_out)} of {len(backings) + len(left_out)} attributes"
        say(
            f"{count} are left out, as answers would be of no use: see feddmf quality report, or say --anyway"
        )


def _ranked(  # noqa: PLR0917  (what its two halves take by place)
    by: _By,
    predictor: Predictor,
    asked: Sequence[Attribute],
    top: int,
    advance: Advance,
    ranks: Ranks | None,
) -> Iterator[Ranked]:
    if ranks is None:
        return (best_users if by is _By.ATTRIBUTE else best_attributes)(predictor, asked, top, advance)
    shared = shared_best_users if by is _By.ATTRIBUTE else shared_best_attributes
    return shared(predictor, asked, top, advance, ranks)


def _check_out(out: Path, folder: Path) -> None:
    if out.suffix.lower() != ".parquet":
        raise InputError(f"{out} is no name of a Parquet file", hint="name a .parquet file with --out")
    check_place(out, folder)
    if os.path.lexists(out):
        raise InputError(f"{out} is there already", hint="name another file, or remove it first")


def _asked(
    questions: Questions, attributes: str, owner: str | None, *, anyway: bool
) -> tuple[list[Backing], list[Backing]]:
    """Return what is answered, and what is left out because its evidence says that it is of no use.

    InputError where a key that a file names is of no use, and where nothing is left.
    """
    if attributes == _ALL:
        return questions.useful(owner, anyway=anyway)
    return questions.named(read_keys(Path(attributes)), owner, anyway=anyway), []
