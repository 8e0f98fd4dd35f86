"""The catalogue: versions, what each covers and changed; the next one, looked at before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from feddmf.catalogue.drift import Drift
from feddmf.catalogue.uploads import Upload, read_upload
from feddmf.errors import CatalogueError, FedDMFError
from feddmf.web.pages import SharedPages
from feddmf_coordinator.cataloguing import Preview, drift_of, preview_upload, publish_upload
from feddmf_coordinator.console.matrix import Matrix, matrix_of
from feddmf_coordinator.console.office import Caller, Office, SharedOffice, Signed
from feddmf_coordinator.operating import Act
from feddmf_coordinator.store.catalogues import find_catalogue, latest_version, list_versions

__all__ = ["PREVIEW", "router"]

router = APIRouter(include_in_schema=False)

PREVIEW = "/catalogue/preview"
"""Where an upload is looked at; bodies may be large there."""

_LONGEST_NAME = 200
# What a database's column of versions can hold.
_LAST = (1 << 31) - 1
# Keys that a page names; all of them are in `feddmf catalog drift --format json`.
_NAMED = 200


@router.get("/catalogue", name="catalogue")
async def newest(request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller) -> Response:
    """Show the newest version, what it covers, and a form for the next one."""
    if not await office.read(latest_version):
        return pages.show(request, "catalogue_empty.html", title="Catalogue")
    found = await office.read(lambda connection: _version(office, connection))
    return pages.show(request, "catalogue.html", title="Catalogue", **found)


@router.get("/catalogue/versions/{version}", name="catalogue_version")
async def version(
    request: Request,
    pages: SharedPages,
    office: SharedOffice,
    version: Annotated[int, Path(ge=0, le=_LAST)],
    _caller: Caller,
) -> Response:
    """Show one version."""
    found = await office.read(lambda connection: _version(office, connection, version))
    return pages.show(request, "catalogue.html", title=f"Catalogue version {version}", **found)


@router.get("/catalogue/versions/{version}/changes", name="catalogue_changes")
async def changes(
    request: Request,
    pages: SharedPages,
    office: SharedOffice,
    version: Annotated[int, Path(ge=0, le=_LAST)],
    _caller: Caller,
    since: Annotated[int, Query(ge=0, le=_LAST)] = 0,
) -> Response:
    """Show what changed up to a version, from the one before or from `since`."""

    def look(connection: Connection) -> dict[str, Any]:
        drift = drift_of(connection, since, version)
        return {"drift": drift, "named": _NAMED, "versions": list_versions(connection)}

    return pages.show(request, "catalogue_changes.html", title="Changes", **await office.read(look))


@router.post(PREVIEW, name="catalogue_preview")
async def preview(
    request: Request,
    pages: SharedPages,
    office: SharedOffice,
    caller: Caller,
    files: Annotated[list[UploadFile], File()],
) -> Response:
    """Show what publishing the uploaded files would change, or every mistake in them."""
    given = [((file.filename or "the file")[:_LONGEST_NAME], await file.read()) for file in files]
    found = await office.read(lambda connection: _looked_at(connection, read_upload(given)))
    if found.can_be_published:
        office.keep_draft(caller, found.digest, found.upload)
    return _preview(request, pages, found)


@router.post("/catalogue/publish", name="catalogue_publish")
async def publish(
    request: Request,
    pages: SharedPages,
    office: SharedOffice,
    caller: Caller,
    digest: Annotated[str, Form(max_length=64)],
) -> Response:
    """Publish what the preview with this digest showed, and nothing else."""
    upload = office.draft(caller, digest)
    try:
        await _publish(office, caller, upload, digest)
    except CatalogueError as error:
        found = await office.read(lambda connection: _looked_at(connection, upload))
        return _preview(request, pages, found, error)
    return RedirectResponse("/catalogue", 303)


async def _publish(office: Office, caller: Signed, upload: Upload, digest: str) -> None:
    def do(act: Act) -> None:
        catalogue = publish_upload(act.connection, upload, now=datetime.now(UTC), expected=digest)
        act.what.update(version=catalogue.version, digest=digest)

    await office.act(caller, "catalog publish", do, file=upload.name)


def _looked_at(connection: Connection, upload: Upload) -> Preview:
    return preview_upload(connection, upload, now=datetime.now(UTC))


def _preview(
    request: Request, pages: SharedPages, found: Preview, error: FedDMFError | None = None
) -> Response:
    return pages.show(
        request,
        "catalogue_preview.html",
        title="Before it is published",
        status=200 if found.can_be_published and error is None else 422,
        preview=found,
        drift=found.drift,
        matrix=None if found.catalogue is None else matrix_of(found.catalogue),
        error=error,
        named=_NAMED,
    )


@dataclass(frozen=True)
class _Version:
    """What a page says of a published version, which never changes: numbers and names, and no item."""

    version: int
    items: int
    matched: int
    parties: Mapping[str, int]
    matrix: Matrix
    changes: Mapping[str, int] | None


def _version(office: Office, connection: Connection, version: int = 0) -> dict[str, Any]:
    number = version or latest_version(connection)
    found = office.once(("version", number), lambda: _read_version(connection, number))
    versions = list_versions(connection)
    return {"catalogue": found, "published": versions[number - 1], "versions": versions}


def _read_version(connection: Connection, version: int) -> _Version:
    catalogue = find_catalogue(connection, version)
    drift = drift_of(connection, 0, version) if version > 1 else None
    return _Version(
        version=version,
        items=len(catalogue.labels),
        matched=sum(len(those) > 1 for those in catalogue.sellers.values()),
        parties={party: len(catalogue.columns[party]) for party in catalogue.parties},
        matrix=matrix_of(catalogue),
        changes=None if drift is None else _counts(drift),
    )


def _counts(drift: Drift) -> dict[str, int]:
    return {
        "added": len(drift.added),
        "removed": len(drift.removed),
        "relabelled": len(drift.relabelled),
        "lost": len(drift.unmatched),
    }
