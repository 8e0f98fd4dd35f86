"""What left this company in plain words, with the proof of it; what private runs cost; who asked for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from feddmf.audit.party_book import PartyBook, audit_party
from feddmf.errors import FedDMFError
from feddmf.web.pages import SharedPages
from feddmf_party.api import overseers
from feddmf_party.api.accounts import QueryPage
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.console.paging import Page, PageNumber, Paging
from feddmf_party.countersignatures import Countersignatures
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.ledger_words import Left, in_words
from feddmf_party.papers import party_papers

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Run = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class _Account:
    """A page of the ledger, newest first; problem: why it cannot be read; short: what it lacks."""

    rows: tuple[Left, ...]
    total: int
    left: int
    bytes: int
    runs: tuple[str, ...]
    problem: str = ""
    short: FedDMFError | None = None


@router.get("/left", name="console_left")
async def left(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    *,
    run: Run = "",
    page: PageNumber = 1,
) -> Response:
    """Show what left, the last first, and what private runs cost."""
    shown = Page(page)
    account = await desk.work(lambda: _account(desk, run, shown))
    budget = None if account.problem else await overseers.privacy(desk, caller)
    return pages.show(
        request,
        "left.html",
        title="What left",
        account=account,
        runs=[[each, each] for each in account.runs],
        budget=budget,
        run=run,
        paging=Paging(shown, account.total, "/left", {"run": run}),
    )


@router.post("/left/verify", name="console_verify")
async def verify(request: Request, pages: SharedPages, desk: SharedDesk, _caller: Caller) -> Response:
    """Check chain, signatures and countersignatures, as `feddmf audit verify` does."""
    book, error = await desk.work(lambda: _verified(desk))
    told: dict[str, Any] = {"book": book, "error": error}
    if "hx-request" in request.headers:
        return pages.part("verified_part.html", **told)
    return pages.show(request, "verified.html", title="Is the ledger whole?", **told)


@router.get("/asked", name="console_asked")
async def asked(
    request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller, page: PageNumber = 1
) -> Response:
    """Show who asked for what, the last first."""
    shown = Page(page)
    whole = await overseers.queries(desk, caller, after=-1, limit=1)
    first = max(whole.total - shown.offset - shown.rows, 0)
    last = max(whole.total - shown.offset, 0)
    found = whole
    if last > first:
        found = await overseers.queries(desk, caller, after=first - 1, limit=last - first)
    return pages.show(
        request,
        "asked.html",
        title="Questions asked",
        found=found,
        rows=_newest_first(found) if last > first else [],
        paging=Paging(shown, whole.total, "/asked", {}),
    )


def _newest_first(found: QueryPage) -> list[object]:
    return list(reversed(found.records))


def _account(desk: Desk, run: str, page: Page) -> _Account:
    try:
        file = LedgerFile(desk.folder.ledger)
        every = in_words(file.records(), desk.name())
    except FedDMFError as error:
        return _Account((), 0, 0, 0, (), error.message)
    runs = tuple(dict.fromkeys(each.run for each in reversed(every) if each.run))
    chosen = [each for each in reversed(every) if run in {"", each.run}]
    return _Account(
        rows=tuple(chosen[page.offset : page.offset + page.rows]),
        total=len(chosen),
        left=sum(each.left for each in chosen),
        bytes=sum(each.bytes or 0 for each in chosen),
        runs=runs,
        short=_shortage(desk, file),
    )


def _shortage(desk: Desk, ledger: LedgerFile) -> FedDMFError | None:
    """Return what the ledger lacks of that which the coordinator has countersigned."""
    if not desk.folder.countersignatures.exists():
        return None
    try:
        Countersignatures(desk.folder.path).check(ledger)
    except FedDMFError as error:
        return error
    return None


def _verified(desk: Desk) -> tuple[PartyBook | None, FedDMFError | None]:
    try:
        return audit_party(party_papers(desk.folder.path)), None
    except FedDMFError as error:
        return None, error
