"""`feddmf party`: make a folder, enrol, run the node, see where it stands."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.counted import counted
from feddmf.cli.logs import log_to_stderr
from feddmf.cli.options import seconds_option
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.cli.tables import utc
from feddmf.errors import InputError, TimedOut
from feddmf.ranks import gathered
from feddmf_party.carried import carried_by, told_of
from feddmf_party.cli.options import FolderOption
from feddmf_party.cli.policy import app as policy
from feddmf_party.cli.safekeeping import backup, restore
from feddmf_party.folder import PartyFolder
from feddmf_party.forgetting import Erased, forget_users
from feddmf_party.identity import name_of
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.prediction import read_users
from feddmf_party.saved_files import erase_from
from feddmf_party.status import party_status

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.add_typer(policy, name="policy")
app.command("backup")(backup)
app.command("restore")(restore)


@app.command("init")
def init(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Make a party's folder with commented party.toml and policy.toml."""
    made = PartyFolder(folder)
    made.create()
    data = {"settings": str(made.settings_file), "policy": str(made.policy_file)}
    show(data, output, lambda: f"{made.settings_file}\n{made.policy_file}")
    say("edit both; then enrol: feddmf party enroll --invite FILE --fingerprint AB:CD:...")


@app.command("enroll")
def enroll(
    *,
    folder: FolderOption = Path(),
    invite: Annotated[Path, typer.Option("--invite", help="Invitation file from the operator.")],
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", help="The root's fingerprint, as the operator told it by another way."),
    ] = None,
    wait_s: Annotated[float, seconds_option("Seconds to wait for the operator's approval.")] = 300.0,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Make a key, ask for a certificate, wait for the operator's approval. Run it again to go on."""
    # Only this command and `start` need gRPC.
    from feddmf_party.enrolling import enroll as enroll_party

    def announce(key: str) -> None:
        say(f"this party's key is\n  {key}\nread it to the operator, who runs: feddmf coordinator approve")

    PartyFolder(folder).require()
    made = asyncio.run(enroll_party(folder, invite, fingerprint, wait_s=wait_s, announce=announce))
    if made.valid_until is None:
        raise TimedOut(
            f"{made.party} is not approved yet", hint="run the command again after the operator's approval"
        )
    data = {
        "federation": made.federation,
        "party": made.party,
        "key_fingerprint": made.key_fingerprint,
        "valid_until": made.valid_until.isoformat(),
    }
    text = f"{made.party} is enrolled in {made.federation} until {utc(made.valid_until)}"
    show(data, output, lambda: text)


@app.command("start")
def start(
    *,
    folder: FolderOption = Path(),
    once: Annotated[bool, typer.Option("--once", help="End after one run, with its exit code.")] = False,
    wait_s: Annotated[
        float | None, seconds_option("Give up when no run begins for this many seconds.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Run the party's node: join runs that the policy allows, train, publish, fetch. Or by torchrun."""
    home = PartyFolder(folder)
    settings = home.settings()
    log_to_stderr(settings.logging, verbose=verbose)
    with gathered(every=settings.torchrun.average_every) as ranks:
        if ranks is None or ranks.is_first:
            # Only this command needs torch.
            from feddmf_party.cli.node import run_node

            run_node(home, ranks, once=once, wait_s=wait_s)
        else:
            # Nothing that opens a channel is even loaded here.
            from feddmf_party.beside import work_beside

            # It has nothing to finish, and a wait for the first process would not see a signal.
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, signal.SIG_DFL)
            work_beside(home, ranks)


@app.command("status")
def status(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Show identity, catalogue, offer, ledger and finished runs, from this folder's files alone."""
    where = PartyFolder(folder)
    where.require()
    data = party_status(where)
    show(data, output, lambda: _status_table(data))
    for problem in data["problems"]:
        say(f"problem: {problem['message']}\n  to do: {problem['hint']}")


@app.command("forget")
def forget(
    users: Annotated[list[str] | None, typer.Argument(metavar="[USER]...", help="Ids of users.")] = None,
    *,
    folder: FolderOption = Path(),
    file: Annotated[Path | None, typer.Option("--users", help="Text file with one id a line.")] = None,
    saved: Annotated[
        list[Path] | None,
        typer.Option("--saved", help="File of predictions or of a ranking to erase them from; repeatable."),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Erase users from all that this folder keeps, leave them out of every later load, say what has left.

    Ends with an error where nothing is found of one of them, who is listed all the same. May be run again.
    End node and `feddmf api serve` of this folder before: both hold what they have loaded.
    """
    where = PartyFolder(folder)
    named = [*(users or ()), *(() if file is None else read_users(file))]
    if not named:
        raise InputError("nobody is named", hint="give ids of users, or a file of them with --users")
    with LiveProgress() as progress:
        erased = forget_users(where, named, progress)
    rows = {str(path): erase_from(path, named) for path in saved or ()}
    carried = carried_by(LedgerFile(where.ledger).records(), erased.trained, name_of(where.path))
    data = {
        **asdict(erased),
        "trained": sorted(erased.trained),
        "saved": rows,
        "carried": [asdict(each) for each in carried],
    }
    show(data, output, lambda: _forgotten_text(erased, rows))
    for line in told_of(erased, carried):
        say(line)
    if erased.strange:
        # Whoever answers for it must not take a slip of the pen for a user who is gone.
        raise typer.Exit(InputError.exit_code)


def _forgotten_text(erased: Erased, saved: Mapping[str, int]) -> str:
    lines = [f"{counted(erased.users, 'user')} named: {_since(erased)}"]
    lines += [f"run {run}: {counted(count, 'user')} erased" for run, count in erased.runs.items()]
    lines += [
        f"run {run} was under way and is given up: who is in its state cannot be told, nor be taken out"
        for run in erased.given_up
    ]
    lines += [
        f"exports of audience {name}: {counted(count, 'row')} erased"
        for name, count in erased.exports.items()
    ]
    lines += [f"{path}: {counted(count, 'row')} erased" for path, count in saved.items()]
    return "\n".join(lines)


def _since(erased: Erased) -> str:
    """Return which of those who are forgotten are so since now, were before, or were found nowhere."""
    strange = len(erased.strange)
    parts = [(erased.new - strange, "forgotten now"), (erased.users - erased.new, "forgotten before")]
    told = [f"{count} {when}" for count, when in parts if count]
    return ", ".join([*told, *([f"NOTHING FOUND of {strange}"] if strange else [])])


def _status_table(data: dict[str, Any]) -> Table:
    until = data["certificate_until"]
    rows = [
        ("party", data["party"] or "not enrolled"),
        ("federation", data["federation"]),
        ("certificate until", until and utc(datetime.fromisoformat(until))),
        ("root fingerprint", data["root_fingerprint"]),
        ("key fingerprint", data["key_fingerprint"]),
        ("accepted catalogues", ", ".join(map(str, data["catalogue_versions"])) or "none"),
        ("offered items", data["offered"]),
        ("ledger records", data["ledger_records"]),
        ("finished runs", ", ".join(data["runs"]) or "none"),
    ]
    if data["ended"]:
        ended = [f"{each['run']} ({each['what']}: {each['why']})" for each in data["ended"][:3]]
        rows.append(("came to nothing", "; ".join(ended)))
    if data["forgotten"]:
        rows += [
            ("forgotten users", data["forgotten"]),
            ("learned from them", ", ".join(data["learned_from_forgotten"]) or "no run"),
        ]
    return table(("", ""), rows)
