"""`feddmf run`: submit training runs, watch them, stop them."""

from __future__ import annotations

import itertools
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
from feddmf.cli.progress import RoundProgress, party_losses, run_figures
from feddmf.cli.tables import utc
from feddmf.errors import RunFailed, TimedOut
from feddmf.protocols.feddmf import CLOSE
from feddmf.protocols.registry import exchanges
from feddmf.runfile import load_run
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.cli.schedules import EveryOption, schedules, shown_period, unschedule
from feddmf_coordinator.operating import operating
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import (
    Run,
    RunState,
    ask_to_stop,
    find_run,
    list_rounds,
    list_runs,
)
from feddmf_coordinator.store.schedules import add_schedule, find_schedule, note_submission
from feddmf_coordinator.submitting import submit_run

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
    settings, where = load_run(file), CoordinatorFolder(folder)
    limits, now = where.load().limits, datetime.now(UTC)
    with open_database(folder) as database:
        with operating(where, "run submit", file=str(file)) as act:
            made = submit_run(act.connection, settings, limits, now=now)
            schedule = None
            if every is not None:
                schedule = add_schedule(act.connection, settings, every, by=act.operator, now=now)
                found = find_schedule(act.connection, schedule)
                note_submission(act.connection, found, made.run, now=now)
                act.what.update(schedule=schedule, every=shown_period(every))
            act.what["run"] = made.run
        notices = say_notices(made.plan, made.rows)
        if every is not None:
            say(f"and again every {shown_period(every)} as {schedule}, while the coordinator serves")
        data = {"notices": notices} | ({} if schedule is None else {"schedule": schedule})
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
    with open_database(folder) as database, database.read() as connection:
        found = find_run(connection, run)
        rounds = list_rounds(connection, run)
    without = list(_without(found, rounds[-1])) if rounds else []
    data = {
        **_describe(found),
        "without": without,
        "plan": found.plan.model_dump(mode="json"),
        "rounds": list(rounds),
    }
    show(data, output, lambda: _rounds_table(found, rounds[-last:]))
    if len(rounds) > last and output is OutputFormat.TEXT:
        say(f"{len(rounds) - last} earlier rounds; show them with --last {len(rounds)}")
    if without and not found.state.ended:
        named = " and ".join(without)
        say(f"it goes on without {named}, who may come back; look at the node of {named}")
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
        for rounds in _new_rounds(database, run, limit_s):
            for each in rounds:
                sent += each["bytes_up"]
                progress.add(run_figures(each["diagnostics"]), sent)
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


def _without(run: Run, each: Mapping[str, Any]) -> tuple[str, ...]:
    """Return who was not counted in a round, in a run with a quorum."""
    counted = each["diagnostics"].get("counted", run.plan.roster)
    return tuple(party for party in run.plan.roster if party not in counted)


def _rounds_table(run: Run, rounds: tuple[dict[str, Any], ...]) -> Table:
    figures = [run_figures(each["diagnostics"]) for each in rounds]
    # Nobody has trained before the first exchange of a training.
    trained = [each["number"] > 0 or each["phase"] == CLOSE for each in rounds]
    losses = [
        party_losses(each["diagnostics"]) if told else {} for told, each in zip(trained, rounds, strict=True)
    ]
    tellers = [party for party in run.plan.roster if any(party in told for told in losses)]
    # The parties' losses stand in place of their mean.
    names = [name for name in dict.fromkeys(itertools.chain(*figures)) if name != "loss" or not tellers]
    without = [", ".join(_without(run, each)) for each in rounds]
    absent = ("without",) if any(without) else ()
    columns = ("phase", "round", "seconds", *names, *(f"loss {party}" for party in tellers), *absent)
    rows = [
        (
            each["phase"],
            each["number"] + 1,
            float(each["seconds"]),
            *(own.get(name) for name in names),
            *(told.get(party) for party in tellers),
            *((missing,) if absent else ()),
        )
        for each, own, told, missing in zip(rounds, figures, losses, without, strict=True)
    ]
    ended = f", ended {utc(run.ended_at)}" if run.ended_at else ""
    title = (
        f"{run.run}: {run.state.value}" + (f" ({run.reason})" if run.reason else "") + "\n"
        f"{', '.join(run.plan.roster)}; catalogue version {run.catalogue_version}; "
        f"submitted {utc(run.submitted_at)}{ended}"
    )
    return table(columns, rows, title=title)
