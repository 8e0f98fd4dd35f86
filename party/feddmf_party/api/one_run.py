"""Route of all: one finished run, down to the ledger records by which this party's part of it left."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as PathOf
from pydantic import BaseModel, Field

from feddmf.errors import FedDMFError, InputError
from feddmf.web.problems import Problem
from feddmf.web.thinning import thinned
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.provenance import Provenance, provenance_of
from feddmf_party.run_folder import RunFolder, latest_run

__all__ = ["RunAccount", "router"]

router = APIRouter(prefix="/v1", tags=["all"])

_MOST_ROUNDS = 1_000

RunName = Annotated[str, PathOf(max_length=200, description="Name of the run.")]


class LedgerEntry(BaseModel):
    """One record of this party's ledger."""

    number: int
    at: str
    what: str
    bytes: int | None
    sha256: str | None = Field(description="Digest of what left.")
    hash: str = Field(description="Of the record.")


class Round(BaseModel):
    """Figures of one round."""

    phase: str
    number: int
    figures: dict[str, Any] = Field(description="Such as loss, and cosine to what the peers' vectors say.")


class RunAccount(BaseModel):
    """What one finished run rests on, and how its rounds went."""

    run: str
    finished_at: str
    protocol: str
    purpose: str
    catalogue_version: int | None
    catalogue: str | None = Field(description="Digest of the catalogue.")
    peers: list[str] = Field(description="Who published in it.")
    joined: LedgerEntry | None
    published: LedgerEntry | None = Field(description="By which this party's own vectors left.")
    sent: int = Field(description="How often something left.")
    sent_bytes: int
    ledger_problem: str = Field(description="Why the ledger could not be read; empty where it could.")
    rounds: list[Round] = Field(
        description="Of a long run 1,000 or fewer, evenly spaced, the last among them."
    )
    rounds_in_all: int = Field(description="How many rounds have figures, shown here or not.")


@router.get("/runs/{run}", name="run")
async def one_run(desk: SharedDesk, _caller: Caller, run: RunName) -> RunAccount:
    """Show what a finished run rests on, and the figures of its rounds."""

    def told() -> RunAccount:
        try:
            kept = latest_run(desk.folder.runs, run)
        except InputError as error:
            raise Problem(404, error) from error
        found, problem = _provenance(desk, kept)
        rounds = kept.rounds()
        shown = [rounds[place] for place in thinned(len(rounds), _MOST_ROUNDS)]
        told = {"ledger_problem": problem, "rounds": shown, "rounds_in_all": len(rounds)}
        return RunAccount.model_validate({**found.as_dict(), **told})

    return await desk.work(told)


def _provenance(desk: Desk, kept: RunFolder) -> tuple[Provenance, str]:
    """Return where a run's answers come from, and what is wrong with the ledger, empty where nothing is."""
    ledger = desk.folder.ledger
    written = ledger.stat() if ledger.exists() else None
    return _read(kept, kept.version, ledger, (written.st_size, written.st_mtime_ns) if written else None)


@lru_cache(maxsize=8)
def _read(
    kept: RunFolder, _version: int, ledger: Path, _written: tuple[int, int] | None
) -> tuple[Provenance, str]:
    """Read the ledger, which may be long, as often as it or the run has changed."""
    try:
        return provenance_of(kept, LedgerFile(ledger).records()), ""
    except FedDMFError as error:
        return provenance_of(kept, ()), error.message
