"""What operators did, what each party's ledger was signed for, and the proof of both."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, UploadFile
from sqlalchemy import Connection
from starlette.responses import Response

from feddmf.audit.comparing import Comparison, compare
from feddmf.audit.coordinator_book import CoordinatorBook, audit_coordinator
from feddmf.audit.papers import read_export
from feddmf.errors import FedDMFError, InputError
from feddmf.identity import certificate_fingerprint
from feddmf.web.pages import SharedPages
from feddmf_coordinator.console.office import Caller, Office, SharedOffice
from feddmf_coordinator.papers import coordinator_papers
from feddmf_coordinator.store.operators import list_operators, read_log, verify_log

__all__ = ["COMPARE", "router"]

router = APIRouter(include_in_schema=False)

COMPARE = "/audit/compare"
"""Where a party's export is held against this side; bodies may be large there."""

_SHOWN = 50
# What a page lists of differences; the command names all.
_DIFFERENCES = 100


@router.get("/audit", name="audit")
async def audit(
    request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller, every: bool = False
) -> Response:
    """Show what operators did, checked, and where parties' ledgers ended."""
    return pages.show(request, "audit.html", title="Audit", **await _audit(office, every=every))


@router.get("/audit/ledger", name="audit_ledger")
async def ledger(request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller) -> Response:
    """Check the coordinator's own ledger to its end: chain, signatures, and what it says of each party."""

    def look() -> dict[str, Any]:
        papers = coordinator_papers(office.folder.path)
        book: CoordinatorBook = audit_coordinator(papers)
        return {"book": book, "root": certificate_fingerprint(papers.root)}

    found = await asyncio.to_thread(look)
    return pages.show(request, "audit_ledger.html", title="This coordinator's ledger", **found)


@router.post(COMPARE, name="audit_compare")
async def comparison(
    request: Request,
    pages: SharedPages,
    office: SharedOffice,
    _caller: Caller,
    file: Annotated[UploadFile, File()],
) -> Response:
    """Hold a party's export against this side's ledger."""
    content = await file.read()
    try:
        found = await asyncio.to_thread(_compared, office, content)
    except InputError as error:
        told = await _audit(office, every=False)
        return pages.show(request, "audit.html", title="Audit", status=422, **{**told, "refused": error})
    return pages.show(
        request, "audit_compare.html", title="Both sides", found=found, shown=found.differences[:_DIFFERENCES]
    )


def _compared(office: Office, content: bytes) -> Comparison:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "the export"
        path.write_bytes(content)
        return compare(coordinator_papers(office.folder.path), read_export(path))


async def _audit(office: Office, *, every: bool) -> dict[str, Any]:
    def look(connection: Connection) -> dict[str, Any]:
        try:
            head, problem = verify_log(connection), None
        except InputError as error:
            head, problem = "", error
        records = read_log(connection)
        return {
            "head": head,
            "problem": problem,
            "records": (records if every else records[-_SHOWN:])[::-1],
            "total": len(records),
            "operators": list_operators(connection),
        }

    ends: dict[str, Any] = {}
    broken: FedDMFError | None = None
    try:
        ends = await asyncio.to_thread(office.ledgers.look)
    except FedDMFError as error:
        broken = error
    return {**await office.read(look), "ends": ends, "broken": broken, "refused": None}
