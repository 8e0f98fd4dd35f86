"""`feddmf run schedules` and `unschedule`: runs that are submitted again and again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf.errors import ConfigError
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.operating import operating
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.schedules import Schedule, list_schedules, remove_schedule

__all__ = ["EveryOption", "schedules", "shown_period", "unschedule"]

_PERIOD = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3_653)


def read_period(text: str) -> timedelta:
    """Return a period that was typed, as 90m, 12h, 7d or 2w."""
    match = _PERIOD.fullmatch(text.strip())
    period = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if period is None or period > _LONGEST:
        raise typer.BadParameter(f"{text!r} is no period: write 90m, 12h, 7d or 2w, ten years at most")
    return period


def shown_period(period: timedelta) -> str:
    """Return a period as it is typed, in the largest unit that it is a whole number of."""
    for letter, unit in reversed(_UNITS.items()):
        one = timedelta(**{unit: 1})
        if period % one == timedelta():
            return f"{period // one}{letter}"
    return f"{period.total_seconds():.0f}s"


EveryOption = Annotated[
    timedelta | None,
    typer.Option(
        "--every",
        parser=read_period,
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
