"""Route of analysts: what changed from one finished run to another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from feddmf.errors import InputError
from feddmf.web.problems import Problem
from feddmf_party.api import models
from feddmf_party.api.analysts import RunQuery
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.changes import changes_between, run_before
from feddmf_party.run_folder import latest_run

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["analyst"])

Since = Annotated[
    str | None, Query(max_length=200, description="Run to hold it against; the one that finished before it.")
]


class Standing(BaseModel):
    """How far an attribute could be trusted in one run."""

    verdict: str
    roc_auc: models.Interval | None


class Change(BaseModel):
    """An attribute of the later run."""

    key: str
    label: str
    owner: str
    kind: str
    before: Standing | None = Field(description="What it was; none where it came.")
    after: Standing
    roc_auc: str = Field(description="higher, lower, or empty where chance may explain the difference.")


class Gone(BaseModel):
    """An attribute of the earlier run that cannot be asked for in the later one."""

    key: str
    label: str
    owner: str
    why: str


class ChangeList(BaseModel):
    """What changed from one run to another, by first owner and key."""

    before: str = Field(description="The earlier run.")
    after: str = Field(description="The later run.")
    came: list[Change]
    went: list[Gone]
    changed: list[Change] = Field(description="Another verdict, or a ROC-AUC that differs beyond chance.")
    same: int = Field(description="How many attributes stayed as they were.")


@router.get("/changes")
async def changes(desk: SharedDesk, _caller: Caller, run: RunQuery = None, since: Since = None) -> ChangeList:
    """Say which attributes came, went, or changed their verdict or ROC-AUC since an earlier run."""

    def found() -> ChangeList:
        after = desk.loaded(run).questions
        before = desk.loaded(since or _before(desk, after.run)).questions
        return ChangeList.model_validate(changes_between(before, after).as_dict())

    return await desk.work(found)


def _before(desk: Desk, run: str) -> str:
    runs = desk.folder.runs
    try:
        return run_before(runs, latest_run(runs, run)).path.name
    except InputError as error:
        raise Problem(404, error) from error
