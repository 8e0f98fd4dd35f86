"""Routes of analysts: files of saved audiences, written in the background."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse

from feddmf.errors import InputError
from feddmf.progress import HowFar
from feddmf.web.problems import Problem
from feddmf_party.api.analysts import MEDIA_TYPES
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.api.saved import Name, audience_of
from feddmf_party.audiences import exports as kept

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["analyst"])

Id = Annotated[str, Path(max_length=64, description="Id of the export.")]


class ExportQuestion(BaseModel):
    """What kind of file is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["csv", "parquet"] = Field(
        "csv", description="The columns are those of `feddmf query audience --out`."
    )


class Progress(BaseModel):
    """How far an export is that is not over."""

    done: int
    total: int | None = Field(description="None as long as nobody knows.")
    what: str = Field(description="What is counted.")
    share: float | None = Field(description="How much of it is done, from 0 to 1.")
    rate: float | None = Field(description="How many a second.")
    seconds_left: float | None


class Export(BaseModel):
    """A file of an audience's users."""

    id: str
    audience: str
    run: str
    format: str
    state: str = Field(description="waiting, running, done, failed or cancelled.")
    by: str = Field(description="Name of the token.")
    asked_at: str
    ended_at: str | None
    rows: int = Field(description="Rows of the file, once it is done.")
    size: int = Field(description="Bytes of it.")
    error: str = Field(description="Why it failed.")
    hint: str = Field(description="What to do about that.")
    progress: Progress | None = Field(description="How far it is, as long as it is not over.")

    @classmethod
    def of(cls, export: kept.Export, how_far: HowFar | None = None) -> Export:
        """Return what is told of an export."""
        progress = None if how_far is None else how_far.as_dict()
        return cls.model_validate({**export.model_dump(mode="json"), "progress": progress})


class ExportList(BaseModel):
    """Exports, the last asked for first."""

    exports: list[Export]


@router.post("/audiences/{name}/exports")
async def export_audience(desk: SharedDesk, caller: Caller, name: Name, asked: ExportQuestion) -> Export:
    """Begin to write the users of a saved audience into a file, in the background."""

    def begun() -> Export:
        with desk.noting(caller, "export audience") as note:
            audience = audience_of(desk, name)
            note.run, note.attributes = audience.run, audience.criteria.keys
            note.users = note.rows = audience.users
            return Export.of(desk.exporter.start(audience, asked.format, by=caller.name))

    return await desk.work(begun)


@router.get("/exports")
async def exports(desk: SharedDesk, _caller: Caller) -> ExportList:
    """List exports that are under way or kept, and how far they are."""
    return await desk.work(lambda: ExportList(exports=[Export.of(*each) for each in desk.exporter.all()]))


@router.get("/exports/{export}")
async def export(desk: SharedDesk, _caller: Caller, export: Id) -> Export:
    """Show one export, and how far it is."""
    return await desk.work(lambda: Export.of(*_find(desk, export)))


@router.get("/exports/{export}/file", response_class=FileResponse)
async def export_file(desk: SharedDesk, caller: Caller, export: Id) -> FileResponse:
    """Fetch the file of an export that is done."""

    def found() -> FileResponse:
        with desk.noting(caller, "export file") as note:
            told, _ = _find(desk, export)
            note.run, note.rows = told.run, told.rows
            path = desk.exporter.file(told)
            if not path.is_file():
                raise Problem(404, InputError("the file of this export is gone", hint=kept.AGAIN))
            return FileResponse(
                path, media_type=MEDIA_TYPES[told.format], filename=f"{told.audience}.{told.format}"
            )

    return await desk.work(found)


@router.delete("/exports/{export}")
async def remove_export(desk: SharedDesk, caller: Caller, export: Id) -> Export:
    """End an export that is under way, or remove one that is over, with its file."""

    def removed() -> Export:
        with desk.noting(caller, "remove export") as note:
            told, _ = _find(desk, export)
            note.run = told.run
            return Export.of(desk.exporter.remove(export))

    return await desk.work(removed)


def _find(desk: Desk, export: str) -> tuple[kept.Export, HowFar | None]:
    try:
        return desk.exporter.find(export)
    except InputError as error:
        raise Problem(404, error) from error
