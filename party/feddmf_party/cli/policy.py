"""`feddmf party policy`: what this party's policy says of a run, beforehand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import PolicyError
from feddmf.plan import PartyItems, Plan
from feddmf.run_ids import plain_name
from feddmf.runfile import load_run
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.cli.options import FolderOption, call_coordinator, party_name
from feddmf_party.folder import PartyFolder
from feddmf_party.objections import Asked, asked_of
from feddmf_party.offer import offered_in
from feddmf_party.plans import read_plan

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def policy() -> None:
    """Say what policy.toml allows."""


@app.command("check")
def check(
    run: Annotated[str, typer.Argument(help="A run file, or the id of a run that the coordinator has.")],
    *,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Hold a run against this party's policy, tables and budget: what it asks for, all that would decline it.

    Ends with an error where the node would decline the run. Nothing is sent of a run file, nothing charged.
    """
    # What a run needs loads arrays, and what trains on them.
    from feddmf_party.foreseen import objections_here

    where = PartyFolder(folder)
    plan, items = _plan(where, run)
    limits, offered = where.policy(), offered_in(items, where.offer_file)
    asked = asked_of(plan, items, offered=offered)
    objections = objections_here(where, limits, items, offered=offered)
    settings = plan.settings
    data = {
        "run": plan.run,
        "purpose": settings.purpose,
        "protocol": settings.protocol,
        "parties": list(plan.roster),
        "allowed": not objections,
        "asks": asdict(asked),
        "objections": [asdict(objection) for objection in objections],
    }
    show(data, output, lambda: _table(plan, asked))
    for objection in objections:
        allowed_by = f"in policy.toml: {objection.line}" if objection.line else objection.to_do
        say(
            f"against it: {objection.reason}\n  to do: {allowed_by or 'decline it: the run file must change'}"
        )
    if objections:
        say(f"the node would decline run {plan.run}")
        raise typer.Exit(PolicyError.exit_code)
    say("nothing is against it: the node would join")


def _plan(where: PartyFolder, run: str) -> tuple[Plan, PartyItems]:
    """Return the plan of a run file under the accepted catalogue, or the coordinator's of a run."""
    party = party_name(where)
    views, file = AcceptedViews(where.catalogue, party), Path(run)
    if file.suffix != ".toml" and not file.exists():
        plan = read_plan(call_coordinator(where, lambda client: client.plan(run)), run, party)
        return plan, PartyItems(plan, views.by_digest(plan.catalogue).view)
    settings, fetched = load_run(file), views.get()
    if party not in settings.parties:
        raise PolicyError(
            f"{file} is a run of {', '.join(settings.parties)}, without {party}",
            hint="nothing of this party would leave in it",
        )
    plan = Plan(run=plain_name(settings.name), catalogue=fetched.digest, settings=settings)
    return plan, PartyItems(plan, fetched.view)


def _table(plan: Plan, asked: Asked) -> Table:
    settings = plan.settings
    rows = [
        ("run", plan.run),
        ("purpose", settings.purpose),
        ("protocol", settings.protocol),
        ("with", ", ".join(plan.roster)),
        ("exchanges", asked.rounds),
        ("items of which something leaves", asked.items),
        ("of these published", asked.offered),
        ("bytes that leave", asked.nbytes),
        ("kinds", ", ".join(kind.value for kind in asked.kinds)),
    ]
    return table(("", ""), rows)
