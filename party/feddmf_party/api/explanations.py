"""Route of analysts: which of a user's own items drive a score."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from feddmf_party.api import bodies, models
from feddmf_party.api.desk import SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.explaining import explain

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["analyst"])


class WhyQuestion(bodies.Question):
    """Of which user's score for which attribute the reasons are wanted."""

    user: bodies.Text = Field(description="User id.")
    attribute: bodies.Text = Field(description="Key of the attribute.")
    top: int = Field(10, ge=1, le=1_000, description="How many items are named each way.")


class Driver(BaseModel):
    """One of the user's items, and what the score would be had the user all others and not this one."""

    key: str
    label: str
    score_without: float
    effect: float = Field(description="By how much the item raises the score; below 0 where it lowers it.")
    similarity: models.Figure = Field(
        description="Cosine of the item's vector and the attribute's, where they are in one space."
    )
    matched_with: list[str] = Field(description="Owners of the attribute who sell the item too.")


class WhyAnswer(BaseModel):
    """What drives one user's score for one attribute."""

    run: str
    score_kind: str
    user: str
    attribute: models.Attribute
    score: float
    supporting: list[Driver] = Field(description="Items that raise the score, the strongest first.")
    opposing: list[Driver] = Field(description="Items that lower it, the strongest first.")
    score_without_supporting: models.Figure = Field(
        description="The score had the user none of the supporting items."
    )
    items: int | None = Field(description="How many items of the user count.")
    considered: int = Field(description="How many of them were left out one by one.")
    why_not: str = Field(description="Why nothing can be said, where that is so.")


@router.post("/why")
async def why(desk: SharedDesk, caller: Caller, asked: WhyQuestion) -> WhyAnswer:
    """Say which of a user's own items drive the score for an attribute, by leaving out one at a time."""

    def answer() -> WhyAnswer:
        with desk.noting(caller, "why") as note:
            questions = desk.loaded(asked.run).questions
            note.run, note.users = questions.run, 1
            found = explain(
                questions, asked.user, asked.attribute, asked.owner, anyway=asked.anyway, top=asked.top
            )
            note.attributes, note.rows = [found.backing.attribute.key], 1
            return WhyAnswer.model_validate(found.as_dict())

    return await desk.work(answer)
