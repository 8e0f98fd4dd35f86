"""`feddmf run`: submit training runs, watch them, stop them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.notices import say_notices
from feddmf.cli.options import seconds_option
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.progress import RoundProgress, run_figures
from feddmf.cli.tables import utc
from feddmf.errors import RunFailed, TimedOut
from feddmf.protocols.registry import exchanges
from feddmf.runfile import load_run
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.cli.run_settings import settings
from feddmf_coordinator.cli.schedules import EveryOption, schedules, unschedule
from feddmf_coordinator.curves import Curves, curves_of
from feddmf_coordinator.members import is_serving
from feddmf_coordinator.operating import operating
from feddmf_coordinator.schedule_periods import shown_period
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.standing import standing_of_run
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import (
    Run,
    RunState,
    ask_to_stop,
    find_run,
    list_rounds,
    list_runs,
)
from feddmf_coordinator.submitting import submit_and_schedule

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

RunArgument = Annotated[str, typer.Argument(help="Id of the run, as `feddmf run list` shows it.")]
LimitOption = Annotated[float, seconds_option("Give up watching after this many seconds.")]

_POLL_S = 0.25
# What a run came to, by the first of these that its protocol has.
_VERDICTS = ("alignment", "objective", "loss")


@app.command("submit")
def submit(
    file: Annotated[Path, typer.Argument(help="The run file, TOML.")],
    *,
    folder: FolderOption = Path(),
    every: EveryOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch until it ends.")] = False,
    limit_s: LimitOption = 86_400.0,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Submit a run; it pins the latest catalogue, which each of its parties must have accepted."""
    asked, where = load_run(file), CoordinatorFolder(folder)
    limits, now = where.load().limits, datetime.now(UTC)
    with open_database(folder) as database:
        with operating(where, "run submit", file=str(file)) as act:
            made = submit_and_schedule(act.connection, asked, limits, every, by=act.operator, now=now)
            if every is not None:
                act.what.update(schedule=made.schedule, every=shown_period(every))
            act.what["run"] = made.run
        notices = say_notices(made.plan, made.rows)
        if every is not None:
            say(f"and again every {shown_period(every)} as {made.schedule}, while the coordinator serves")
        data = {"notices": notices} | ({"schedule": made.schedule} if made.schedule else {})
        if not watch:
            show({"run": made.run, **data}, output, lambda: made.run)
            say(f"watch it: feddmf run watch {made.run}")
            return
        say(f"run {made.run} is submitted")
        _watch(database, made.run, limit_s, output, data)


@app.command("list")
def list_(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List all runs, oldest first."""
    with open_database(folder) as database, database.read() as connection:
        found = list_runs(connection)
    data = {"runs": [_describe(run) for run in found]}
    rows = [
        (run.run, run.state.value, ", ".join(run.plan.roster), utc(run.submitted_at), run.reason)
        for run in found
    ]
    show(data, output, lambda: table(("run", "state", "parties", "submitted", "reason"), rows))
    if not found:
        say("no run yet; submit one: feddmf run submit FILE.toml")


@app.command("show")
def show_(
    run: RunArgument,
    *,
    folder: FolderOption = Path(),
    last: Annotated[int, typer.Option(min=1, help="Rounds to show; --format json has all.")] = 20,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show one run: state and its last rounds; --format json has its settings and all rounds."""
    where = CoordinatorFolder(folder).load()
    serving, now = is_serving(where), datetime.now(UTC)
    with open_database(folder) as database, database.read() as connection:
        found = find_run(connection, run)
        rounds = list_rounds(connection, run)
        standing = standing_of_run(connection, found, where.limits, serving=serving, now=now)
    curves = curves_of(found, rounds)
    without = list(curves.without[-1]) if rounds else []
    data = {
        **_describe(found),
        "without": without,
        "standing": standing.as_dict(),
        "rounds_of": curves.total,
        "seconds_left": curves.seconds_left,
        "plan": found.plan.model_dump(mode="json"),
        "rounds": list(rounds),
    }
    show(data, output, lambda: _rounds_table(found, curves, last))
    if len(rounds) > last and output is OutputFormat.TEXT:
        say(f"{len(rounds) - last} earlier rounds; show them with --last {len(rounds)}")
    if without and not found.state.ended:
        named = " and ".join(without)
        say(f"it goes on without {named}, who may come back; look at the node of {named}")
    if not found.state.ended:
        say(standing.text)
        for each in standing.waits_for:
            say(f"{each.party}: {each.hint}")
    if found.hint:
        say(f"to do: {found.hint}")


@app.command("watch")
def watch(
    run: RunArgument,
    *,
    folder: FolderOption = Path(),
    limit_s: LimitOption = 86_400.0,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Follow a run until it ends; the exit code is 1 where it failed."""
    with open_database(folder) as database:
        _watch(database, run, limit_s, output, {})


@app.command("stop")
def stop(
    run: RunArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Ask the coordinator to end a run; nothing of it is published."""
    with operating(CoordinatorFolder(folder), "run stop", run=run) as act:
        ask_to_stop(act.connection, run)
    show({"run": run, "stop_asked": True}, output, lambda: f"run {run} will stop")


app.command("settings")(settings)
app.command("schedules")(schedules)
app.command("unschedule")(unschedule)


def _describe(run: Run) -> dict[str, Any]:
    return {
        "run": run.run,
        "state": run.state.value,
        "parties": list(run.plan.roster),
        "protocol": run.plan.settings.protocol,
        "catalogue_version": run.catalogue_version,
        "submitted_at": run.submitted_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "reason": run.reason,
        "hint": run.hint,
    }


def _watch(
    database: Database, run: str, limit_s: float, output: OutputFormat, data: Mapping[str, Any]
) -> None:
    """Follow a run to its end; show `data`, the run, and what its rounds came to."""
    with database.read() as connection:
        total = exchanges(find_run(connection, run).plan)
    sent = 0
    with RoundProgress(total) as progress:
        for looks, rounds in enumerate(_new_rounds(database, run, limit_s)):
            for each in rounds:
                sent += each["bytes_up"]
                progress.add(run_figures(each["diagnostics"]), sent, is_past=not looks)
    with database.read() as connection:
        found, rounds = find_run(connection, run), list_rounds(connection, run)
    if found.state is not RunState.FINISHED:
        raise RunFailed(f"run {run} {found.state.value}: {found.reason}", hint=found.hint)
    data = {**data, **_describe(found), **_totals(rounds)}
    figures = run_figures(rounds[-1]["diagnostics"])
    told = [f"{name} {figures[name]:.3f}, " for name in _VERDICTS if name in figures][:1]
    text = (
        f"run {run} finished: {len(rounds)} rounds, {''.join(told)}"
        f"{data['bytes_sent'] / 1e6:.1f} MB sent by the parties"
    )
    show(data, output, lambda: text)


def _totals(rounds: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "rounds": len(rounds),
        "seconds": sum(each["seconds"] for each in rounds),
        "bytes_sent": sum(each["bytes_up"] for each in rounds),
        "diagnostics": rounds[-1]["diagnostics"] if rounds else {},
    }


def _new_rounds(database: Database, run: str, limit_s: float) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the rounds that are new, again and again, until the run has ended."""
    began, seen = time.monotonic(), -1
    while True:
        with database.read() as connection:
            found = find_run(connection, run)
            rounds = list_rounds(connection, run, after=seen)
        if rounds:
            seen = rounds[-1]["position"]
        yield rounds
        if found.state.ended:
            return
        if time.monotonic() - began > limit_s:
            raise TimedOut(
                f"run {run} is {found.state.value} after {limit_s:g} s",
                hint="it goes on without you; watch it again, or stop it: feddmf run stop",
            )
        time.sleep(_POLL_S)


def _rounds_table(run: Run, curves: Curves, last: int) -> Table:
    absent = ("without",) if any(curves.without) else ()
    columns = (
        "phase",
        "round",
        "seconds",
        *curves.figures,
        *(f"loss {who}" for who in curves.losses),
        *absent,
    )
    rows = [
        (
            curves.phases[at],
            curves.numbers[at],
            curves.seconds[at],
            *(column[at] for column in (*curves.figures.values(), *curves.losses.values())),
            *((", ".join(curves.without[at]),) if absent else ()),
        )
        for at in range(curves.done)[-last:]
    ]
    ended = f", ended {utc(run.ended_at)}" if run.ended_at else ""
    title = (
        f"{run.run}: {run.state.value}" + (f" ({run.reason})" if run.reason else "") + "\n"
        f"{', '.join(run.plan.roster)}; catalogue version {run.catalogue_version}; "
        f"submitted {utc(run.submitted_at)}{ended}"
    )
    return table(columns, rows, title=title)
