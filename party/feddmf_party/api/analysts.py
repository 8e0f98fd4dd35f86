"""Routes of analysts: attributes, predictions, audiences, a user's best attributes, quality."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from feddmf.errors import InputError
from feddmf_party.answering import Backing
from feddmf_party.answers import answered, ranked
from feddmf_party.api import bodies, models
from feddmf_party.api.desk import Desk, Note, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.offered import Attribute, Unavailable
from feddmf_party.prediction import Block
from feddmf_party.prediction_table import Scored, encoded_predictions, score_column
from feddmf_party.questions import Questions
from feddmf_party.wanted import Wanted

__all__ = ["MEDIA_TYPES", "RunQuery", "router"]

router = APIRouter(prefix="/v1", tags=["analyst"])

_MOST_JSON = 10_000
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}}
}
RunQuery = Annotated[str | None, Query(max_length=200, description="Run to ask; the one that finished last.")]


@router.get("/attributes")
async def attributes(
    desk: SharedDesk,
    caller: Caller,
    *,
    run: RunQuery = None,
    owner: Annotated[str | None, Query(max_length=200, description="Only what this peer offers.")] = None,
    search: Annotated[str, Query(max_length=200, description="Part of a key or a label.")] = "",
    offset: Annotated[int, Query(ge=0, description="How many to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST_JSON, description="How many to list.")] = 1_000,
) -> models.AttributeList:
    """List what can be asked for, with how far to trust it."""
    part = search.casefold()

    def fits(each: Attribute | Unavailable, owners: Collection[str]) -> bool:
        return (owner is None or owner in owners) and (
            part in each.key.casefold() or part in each.label.casefold()
        )

    def listed() -> models.AttributeList:
        with desk.noting(caller, "attributes") as note:
            questions = _open(desk, note, run)
            predictor = questions.predictor
            found = [each for each in predictor.attributes() if fits(each, each.owners)]
            gone = [each for each in predictor.offered.unavailable() if fits(each, {each.owner})]
            shown = [
                {**questions.back(each).as_dict(), "until": predictor.terms.first_end(each.owners)}
                for each in found[offset : offset + limit]
            ]
            note.rows = len(shown)
            told = {
                "run": questions.run,
                "total": len(found),
                "attributes": shown,
                "unavailable": [asdict(each) for each in gone[:_MOST_JSON]],
            }
            return models.AttributeList.model_validate(told)

    return await desk.work(listed)


@router.post("/predictions", response_model=models.PredictionAnswer, responses=_FILES)
async def predictions(desk: SharedDesk, caller: Caller, asked: bodies.PredictionQuestion) -> Response:
    """Score users, all of them by default, for one attribute or more. Up to 10,000 rows as JSON."""

    def answer() -> Response | Iterator[bytes]:
        with desk.noting(caller, "predictions") as note:
            questions = _open(desk, note, asked.run)
            backings = questions.named(asked.attributes, asked.owner, anyway=asked.anyway)
            users = None if asked.users is None else list(dict.fromkeys(asked.users))
            _take_down(note, backings, questions.users if users is None else len(users))
            _check_rows(desk, note, note.users * len(backings), asked.format)
            blocks = questions.scores([backing.attribute for backing in backings], users)
            # An unknown user shows with the first block.
            first = list(itertools.islice(blocks, 1))
            blocks = itertools.chain(first, blocks)
            if asked.format != "json":
                return _pieces(asked.format, blocks, backings, backings, questions)
            rows = answered(blocks, backings, questions.score_kind)
            told = {
                **_about(questions),
                "attributes": [backing.as_dict() for backing in backings],
                "predictions": [_plain_score(row, questions) for row in rows],
            }
            return _json(models.PredictionAnswer.model_validate(told))

    return await _respond(desk, answer, asked.format)


@router.post("/audience", response_model=models.AudienceAnswer, responses=_FILES)
async def audience(desk: SharedDesk, caller: Caller, asked: bodies.AudienceQuestion) -> Response:
    """Rank the users most likely to have what is wanted, and say how many of them to expect to have it."""

    def answer() -> Response | Iterator[bytes]:
        with desk.noting(caller, "audience") as note:
            questions = _open(desk, note, asked.run)
            wanted = questions.wanted(asked.wanted(), asked.owner, anyway=asked.anyway)
            _take_down(note, wanted.backings, questions.users)
            if asked.size is not None:
                _check_rows(desk, note, min(asked.size, questions.users), asked.format)
            found = questions.audience(wanted, asked.size, above=asked.above, threshold=asked.threshold)
            _check_rows(desk, note, len(found.block.users), asked.format)
            if asked.format != "json":
                return _pieces(asked.format, iter([found.block]), [wanted], wanted.backings, questions)
            rows = ranked(found, questions.score_kind)
            told = {
                **_about(questions),
                **_sought(wanted),
                "above": found.above,
                "expected": None if found.expected is None else found.expected.as_dict(),
                "users": [_plain_score(row, questions) for row in rows],
            }
            return _json(models.AudienceAnswer.model_validate(told))

    return await _respond(desk, answer, asked.format)


@router.post("/audience/preview")
async def preview(desk: SharedDesk, caller: Caller, asked: bodies.WantedQuestion) -> models.PreviewAnswer:
    """Say what to expect of an audience, of other sizes, and of the busiest users; nobody is named."""

    def answer() -> models.PreviewAnswer:
        with desk.noting(caller, "preview") as note:
            questions = _open(desk, note, asked.run)
            wanted = questions.wanted(asked.wanted(), asked.owner, anyway=asked.anyway)
            _take_down(note, wanted.backings, questions.users)
            found = questions.preview(wanted, asked.size, above=asked.above, threshold=asked.threshold)
            told = {**_about(questions), **_sought(wanted), **found.as_dict()}
            return models.PreviewAnswer.model_validate(told)

    return await desk.work(answer)


@router.post("/top-attributes")
async def top_attributes(desk: SharedDesk, caller: Caller, asked: bodies.TopQuestion) -> models.TopAnswer:
    """Find the best attributes of some users, as `feddmf query bulk --by user` does of all."""

    def answer() -> models.TopAnswer:
        with desk.noting(caller, "top attributes") as note:
            questions = _open(desk, note, asked.run)
            backings, left_out = (
                questions.useful(asked.owner, anyway=asked.anyway)
                if asked.attributes is None
                else (questions.named(asked.attributes, asked.owner, anyway=asked.anyway), [])
            )
            users = list(dict.fromkeys(asked.users))
            _take_down(note, backings, len(users))
            _check_rows(desk, note, len(users) * min(asked.top, len(backings)), "json")
            told = {
                **_about(questions),
                "left_out": [backing.attribute.key for backing in left_out],
                "rows": list(_best(questions, backings, users, asked.top)),
            }
            return models.TopAnswer.model_validate(told)

    return await desk.work(answer)


@router.get("/quality")
async def quality(
    desk: SharedDesk,
    _caller: Caller,
    run: RunQuery = None,
    peer: Annotated[str | None, Query(max_length=200, description="Only what this peer published.")] = None,
) -> models.QualityAnswer:
    """Say peer by peer how good predictions were on hidden items, and whether to use them."""

    def report() -> models.QualityAnswer:
        loaded = desk.loaded(run)
        peers = [each.as_dict() for each in loaded.quality() if peer in {None, each.peer}]
        return models.QualityAnswer.model_validate({"run": loaded.questions.run, "peers": peers})

    return await desk.work(report)


def _open(desk: Desk, note: Note, run: str | None) -> Questions:
    questions = desk.loaded(run).questions
    note.run = questions.run
    return questions


def _sought(wanted: Wanted) -> dict[str, Any]:
    """Return what was wanted, for programs."""
    return {
        "criteria": wanted.as_dict(),
        "attribute": None if wanted.only is None else wanted.only.as_dict(),
        "attributes": [backing.as_dict() for backing in wanted.backings],
    }


def _take_down(note: Note, backings: Sequence[Backing], users: int) -> None:
    note.attributes = [backing.attribute.key for backing in backings]
    note.users = users


def _check_rows(desk: Desk, note: Note, rows: int, form: str) -> None:
    note.rows = rows
    desk.policy().queries.check_rows(rows)
    if form == "json" and rows > _MOST_JSON:
        raise InputError(
            f"{rows} rows are too many for JSON, which holds {_MOST_JSON}",
            hint='ask for a file: "format": "csv" or "parquet"',
        )


def _about(questions: Questions) -> dict[str, Any]:
    return {"run": questions.run, "score_kind": questions.score_kind}


def _plain_score(row: dict[str, Any], questions: Questions) -> dict[str, Any]:
    """Return a row with its score under one name, whatever scores are."""
    return {**row, "score": row[score_column(questions.score_kind)]}


def _best(
    questions: Questions, backings: list[Backing], users: list[str], top: int
) -> Iterator[dict[str, Any]]:
    for part in questions.best_attributes(backings, users, top):
        ranks = np.arange(len(part.users)) % min(top, len(backings)) + 1
        cells = zip(part.users.tolist(), ranks.tolist(), part.attributes.tolist(), part.scores, strict=True)
        for user, rank, place, score in cells:
            backing = backings[place]
            threshold = backing.threshold
            yield {
                "user": users[user],
                "rank": rank,
                "attribute": backing.attribute.key,
                "label": backing.attribute.label,
                "owner": backing.attribute.owner,
                "score": float(score),
                "above_threshold": None if threshold is None else bool(score > np.float32(threshold)),
                "verdict": backing.best.verdict,
            }


def _pieces(
    form: str,
    blocks: Iterator[Block],
    columns: Sequence[Scored],
    backings: Sequence[Backing],
    questions: Questions,
) -> Iterator[bytes]:
    metadata = {
        "feddmf.run": questions.run,
        "feddmf.score_kind": questions.score_kind,
        "feddmf.attributes": json.dumps([backing.as_dict() for backing in backings]),
    }
    return encoded_predictions(form, blocks, columns, metadata=metadata)


def _json(answer: models.PredictionAnswer | models.AudienceAnswer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


async def _respond(desk: Desk, answer: Callable[[], Response | Iterator[bytes]], form: str) -> Response:
    found = await desk.work(answer)
    if isinstance(found, Response):
        return found
    pieces = found

    async def streamed() -> AsyncIterator[bytes]:
        while (piece := await desk.work(lambda: next(pieces, None), begun=True)) is not None:
            yield piece

    name = f'attachment; filename="predictions.{form}"'
    return StreamingResponse(streamed(), media_type=MEDIA_TYPES[form], headers={"Content-Disposition": name})
