"""`feddmf privacy`: what a run would tell of single users, measured before it, and what runs have cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf_party.cli.options import FolderOption, party_name
from feddmf_party.folder import PartyFolder

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

_NONE = "this party has taken part in no private run"
_COLUMNS = ("record", "when", "run", "epsilon", "delta", "sigma", "together", "released", "override by")


@app.command("attack")
def attack(
    file: Annotated[Path, typer.Argument(help="The run file, TOML.")],
    *,
    models: Annotated[
        int, typer.Option(min=6, max=1_000, help="Shadow models, an even number; 32 tell enough.")
    ] = 32,
    users: Annotated[
        int | None, typer.Option(min=2, help="Users to be found, drawn at random.", show_default="all")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the work.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the halves and of the users that are drawn.")] = 0,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Attack what this party would release in a run, before it leaves: who is in the data?

    Trains models on random halves of the party's users, at home and alone. Nothing is sent, nothing charged.
    """
    # Only this verb needs torch.
    from feddmf.cli.progress import LiveProgress
    from feddmf_party.attacking import attack as attacked
    from feddmf_party.attacking import place_at, subject_of
    from feddmf_party.attacking_verdict import as_dict, verdict_lines

    where = PartyFolder(folder)
    with LiveProgress() as progress:
        place = place_at(where, party_name(where), file, progress)
        subject = subject_of(place, users, seed)
        found = attacked(subject, models=models, seed=seed, jobs=jobs, progress=progress)
    data = {"run": place.items.plan.run, "protocol": place.items.plan.settings.protocol, **as_dict(found)}
    head = (
        f"{found.models} models of {found.trained_on} users each, {found.items} items released, "
        f"{found.users} users to be found"
    )
    show(data, output, lambda: "\n".join([head, *verdict_lines(found)]))


@app.command("report")
def report(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Say what private runs have cost so far, run by run, and what is left for life."""
    # The accountant takes seconds to load.
    from feddmf_party.privacy_report import privacy_report

    PartyFolder(folder).require()
    found = privacy_report(folder)
    rows = [
        (
            run.record,
            run.at,
            run.run,
            run.epsilon,
            f"{run.delta:.2g}",
            run.sigma,
            run.together,
            run.released,
            run.override_by or None,
        )
        for run in found.runs
    ]
    show(found.as_dict(), output, lambda: table(_COLUMNS, rows) if rows else _NONE)
    of = f" at delta {found.delta:.2g}" if found.runs else ""
    say(f"spent: epsilon {found.epsilon:.3f}{of}, of {found.lifetime:g} for life")
