"""`feddmf run schedules` and `unschedule`: runs that are submitted again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf.errors import ConfigError, InputError
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.operating import operating
from feddmf_coordinator.schedule_periods import read_period, shown_period
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.schedules import Schedule, list_schedules, remove_schedule

__all__ = ["EveryOption", "schedules", "unschedule"]


def _period(text: str) -> timedelta:
    try:
        return read_period(text)
    except InputError as error:
        raise typer.BadParameter(f"{error.message}: {error.hint}") from error


EveryOption = Annotated[
    timedelta | None,
    typer.Option(
        "--every",
        parser=_period,
        metavar="PERIOD",
        help="Submit it now, and again each time that this has passed: 90m, 12h, 7d or 2w.",
        show_default=False,
    ),
]


def schedules(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List run files that are submitted again and again: when next, and what came of the last time."""
    with open_database(folder) as database, database.read() as connection:
        found = list_schedules(connection)
    columns = ("schedule", "every", "next", "times", "last run", "trouble")
    rows = [
        (
            each.schedule,
            shown_period(each.every),
            utc(each.next_at),
            each.times,
            each.last_run or None,
            each.trouble or None,
        )
        for each in found
    ]
    show({"schedules": [_describe(each) for each in found]}, output, lambda: table(columns, rows))
    if not found:
        say("no schedule yet; make one: feddmf run submit FILE.toml --every 7d")


def unschedule(
    schedule: Annotated[str, typer.Argument(help="Id, as `feddmf run schedules` shows it.")],
    *,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Submit a schedule's run file no more; a run of it that is under way goes on."""
    with operating(CoordinatorFolder(folder), "run unschedule", schedule=schedule) as act:
        remove_schedule(act.connection, schedule, now=datetime.now(UTC))
    show({"schedule": schedule, "removed": True}, output, lambda: f"{schedule} is submitted no more")


def _name(each: Schedule) -> str | None:
    """Return the name in the run file; None where that cannot be read, as its trouble says."""
    try:
        return each.settings.name
    except ConfigError:
        return None


def _describe(each: Schedule) -> dict[str, object]:
    return {
        "schedule": each.schedule,
        "name": _name(each),
        "every_s": each.every.total_seconds(),
        "next_at": each.next_at.isoformat(),
        "times": each.times,
        "last_run": each.last_run or None,
        "trouble": each.trouble or None,
        "added_by": each.added_by,
    }
