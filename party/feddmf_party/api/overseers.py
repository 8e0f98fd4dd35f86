"""Routes of engineers and auditors: runs, status, policy; ledger and query log, to be read alone."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query

from feddmf.errors import InputError
from feddmf_party.api import accounts
from feddmf_party.api.desk import SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.policy import Policy
from feddmf_party.privacy_report import privacy_report
from feddmf_party.query_log import read_queries
from feddmf_party.run_ends import run_ends
from feddmf_party.run_folder import RunFolder
from feddmf_party.status import party_status

__all__ = ["router"]

router = APIRouter(prefix="/v1")

After = Annotated[int, Query(ge=-1, description="Number of the record to go on behind.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="How many records to show.")]


@router.get("/runs", tags=["all"])
async def runs(desk: SharedDesk, _caller: Caller) -> accounts.RunList:
    """List finished runs, and those that were declined or failed, the last first."""

    def listed() -> accounts.RunList:
        folders = (RunFolder(path.parent) for path in desk.folder.runs.glob("*/run.json"))
        found = sorted(map(_run, folders), key=lambda run: (run.finished_at or "", run.run), reverse=True)
        ended = [each.as_dict() for each in run_ends(desk.folder.ended)]
        return accounts.RunList.model_validate({"runs": found, "ended": ended})

    return await desk.work(listed)


@router.get("/health", tags=["engineer"])
async def health(desk: SharedDesk, _caller: Caller) -> accounts.Health:
    """Say that the server answers, which version it is, and how many problems the status has."""
    found = await desk.work(lambda: party_status(desk.folder))
    return accounts.Health(version=version("feddmf"), problems=len(found["problems"]))


@router.get("/status", tags=["engineer"])
async def status(desk: SharedDesk, _caller: Caller) -> accounts.Status:
    """Say where the party stands, from its folder's files alone."""
    return accounts.Status.model_validate(await desk.work(lambda: party_status(desk.folder)))


@router.get("/policy", tags=["engineer", "auditor"])
async def policy(desk: SharedDesk, _caller: Caller) -> Policy:
    """Show the policy as it stands: what may leave, and who may query."""
    return desk.policy()


@router.get("/ledger", tags=["auditor"])
async def ledger(
    desk: SharedDesk, _caller: Caller, after: After = -1, limit: Limit = 1_000
) -> accounts.LedgerPage:
    """Show what left this company, record by record, and whether the chain is whole."""

    def page() -> accounts.LedgerPage:
        try:
            file = LedgerFile(desk.folder.ledger)
            records = list(file.records())
        except InputError as error:
            return accounts.LedgerPage.model_validate(_broken(error))
        head = file.head if records else None
        return accounts.LedgerPage.model_validate(_whole(records, head, after, limit))

    return await desk.work(page)


@router.get("/privacy", tags=["engineer", "auditor"])
async def privacy(desk: SharedDesk, _caller: Caller) -> accounts.Privacy:
    """Show what private runs have cost so far, run by run, and what is left for life."""
    found = await desk.work(lambda: privacy_report(desk.folder.path))
    return accounts.Privacy.model_validate(found.as_dict())


@router.get("/queries", tags=["auditor"])
async def queries(
    desk: SharedDesk, _caller: Caller, after: After = -1, limit: Limit = 1_000
) -> accounts.QueryPage:
    """Show who asked for what and when, and whether the log is whole."""

    def page() -> accounts.QueryPage:
        try:
            records = read_queries(desk.folder.query_log)
        except InputError as error:
            return accounts.QueryPage.model_validate(_broken(error))
        head = records[-1]["hash"] if records else None
        return accounts.QueryPage.model_validate(_whole(records, head, after, limit))

    return await desk.work(page)


def _run(folder: RunFolder) -> accounts.Run:
    try:
        summary, protocol = folder.summary(), folder.protocol()
    except InputError:
        return accounts.Run(run=folder.path.name, protocol=None, finished_at=None)
    return accounts.Run(run=folder.path.name, protocol=protocol, finished_at=str(summary["finished_at"]))


def _whole(records: list[dict[str, Any]], head: str | None, after: int, limit: int) -> dict[str, Any]:
    chosen = records[after + 1 : after + 1 + limit]
    return {"intact": True, "problem": None, "total": len(records), "head": head, "records": chosen}


def _broken(error: InputError) -> dict[str, Any]:
    return {"intact": False, "problem": error.message, "total": 0, "head": None, "records": []}
