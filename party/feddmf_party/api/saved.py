"""Routes of analysts: audiences saved under a name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from feddmf.errors import InputError
from feddmf.web.problems import Problem
from feddmf_party.api import bodies, models
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.audiences.saved import Cut, SavedAudience, save

__all__ = ["Name", "audience_of", "router"]

router = APIRouter(prefix="/v1", tags=["analyst"])

Name = Annotated[str, Path(max_length=64, description="Name of the audience.")]


class SaveQuestion(bodies.WantedQuestion):
    """Which audience is saved under which name."""

    name: bodies.Text = Field(
        description="Up to 64 lower-case letters, digits, hyphens and underscores; one that is free."
    )


class SavedCriteria(BaseModel):
    """Keys of attributes by what is wanted of them."""

    all: list[str]
    any: list[str]
    none: list[str]


class SavedCut(BaseModel):
    """Where the ranking ends; by the usual size where nothing is said."""

    size: int | None
    above: float | None
    threshold: bool


class Saved(BaseModel):
    """A saved audience; its users are found again whenever they are wanted."""

    name: str
    run: str
    criteria: SavedCriteria
    described: str = Field(description="The criteria in words.")
    owner: str | None
    anyway: bool
    cut: SavedCut
    created_at: str
    created_by: str = Field(description="Name of the token, or that it was the command line.")
    expected: models.Expected | None = Field(description="What was to be expected when it was saved.")
    users: int = Field(description="How many users it had when it was saved.")

    @classmethod
    def of(cls, audience: SavedAudience) -> Saved:
        """Return what is told of an audience."""
        return cls.model_validate(audience.as_dict())


class Damaged(BaseModel):
    """Why a file is no saved audience, and what to do."""

    error: str
    hint: str


class SavedList(BaseModel):
    """Saved audiences, by name."""

    audiences: list[Saved]
    damaged: list[Damaged] = Field(description="Files that cannot be read.")


@router.get("/audiences")
async def audiences(desk: SharedDesk, _caller: Caller) -> SavedList:
    """List saved audiences."""

    def listed() -> SavedList:
        found, damaged = desk.audiences.readable()
        return SavedList(
            audiences=list(map(Saved.of, found)),
            damaged=[Damaged(error=each.message, hint=each.hint) for each in damaged],
        )

    return await desk.work(listed)


@router.post("/audiences")
async def save_audience(desk: SharedDesk, caller: Caller, asked: SaveQuestion) -> Saved:
    """Save an audience under a name, with what is to be expected of it now."""

    def made() -> Saved:
        with desk.noting(caller, "save audience") as note:
            questions = desk.loaded(asked.run).questions
            criteria = asked.wanted()
            note.run, note.users = questions.run, questions.users
            found = save(
                desk.audiences,
                questions,
                asked.name,
                criteria,
                Cut(size=asked.size, above=asked.above, threshold=asked.threshold),
                by=caller.name,
                owner=asked.owner,
                anyway=asked.anyway,
            )
            note.attributes = criteria.keys
            return Saved.of(found)

    return await desk.work(made)


@router.get("/audiences/{name}")
async def saved_audience(desk: SharedDesk, _caller: Caller, name: Name) -> Saved:
    """Show one saved audience."""
    return await desk.work(lambda: Saved.of(audience_of(desk, name)))


@router.delete("/audiences/{name}")
async def remove_audience(desk: SharedDesk, caller: Caller, name: Name) -> Saved:
    """Remove a saved audience, and all files of it."""

    def removed() -> Saved:
        with desk.noting(caller, "remove audience") as note:
            found = audience_of(desk, name)
            note.run, note.attributes = found.run, found.criteria.keys
            desk.audiences.remove(name)
            desk.exporter.remove_of(name)
            return Saved.of(found)

    return await desk.work(removed)


def audience_of(desk: Desk, name: str) -> SavedAudience:
    """Return a saved audience; a problem with status 404 where there is none of that name."""
    try:
        return desk.audiences.find(name)
    except InputError as error:
        raise Problem(404, error) from error
