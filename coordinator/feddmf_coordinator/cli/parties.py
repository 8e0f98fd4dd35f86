"""`feddmf coordinator parties`: who is there, with which certificate, catalogue and ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf_coordinator.cli.options import FolderOption
from feddmf_coordinator.members import PartyOverview, is_serving, overview_of_parties
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.witnessed import LedgerEnds

__all__ = ["parties"]

_COLUMNS = ("party", "standing", "here", "last heard", "certificate until", "software", "catalogue", "ledger")


def parties(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List the parties: who is there, until when certified, what each accepted and told, what each needs."""
    where = CoordinatorFolder(folder)
    settings = where.load()
    serving = is_serving(settings)
    ledgers = LedgerEnds(where.ledger).look()
    with Database.open(where.database_url(settings)) as database, database.read() as connection:
        found = overview_of_parties(connection, ledgers, serving=serving, now=datetime.now(UTC))
    data = {"serving": serving, "parties": [each.as_dict() for each in found]}
    show(data, output, lambda: table(_COLUMNS, [_row(each) for each in found]))
    if not found:
        say("no party yet; invite one: feddmf coordinator invite PARTY")
    if not serving:
        say("no coordinator serves here, so nobody is heard; start it: feddmf coordinator start")
    for need in (need for each in found for need in each.needs):
        say(f"note: {need.text}\n  to do: {need.hint}")


def _row(each: PartyOverview) -> tuple[object, ...]:
    return (
        each.party,
        each.standing.value,
        each.online,
        each.seen and utc(each.seen.seen_at),
        utc(each.certificate_until),
        (each.seen and each.seen.software) or None,
        each.accepted or None,
        each.ledger and each.ledger.length,
    )
