"""`feddmf coordinator`: found a federation, let companies in, keep certificates in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf.config import parse_settings
from feddmf_coordinator import enrolling
from feddmf_coordinator.cli.console import console
from feddmf_coordinator.cli.operators import app as operators
from feddmf_coordinator.cli.operators import log
from feddmf_coordinator.cli.options import DatabaseOption, FolderOption, PassphraseOption
from feddmf_coordinator.cli.parties import parties
from feddmf_coordinator.cli.renewals import renewals
from feddmf_coordinator.cli.safekeeping import backup, ledger, restore, upgrade
from feddmf_coordinator.cli.serving import start, status
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings

__all__ = ["app"]

app = typer.Typer(
    help="Run the neutral side: authority, enrolment, server.", no_args_is_help=True, add_completion=False
)

PartyArgument = Annotated[str, typer.Argument(help="Id of the party: lower-case letters, digits, hyphens.")]


@app.command("init")
def init(
    federation: Annotated[str, typer.Argument(help="Name of the federation: lower-case, no spaces.")],
    *,
    folder: FolderOption = Path(),
    host: Annotated[
        list[str] | None,
        typer.Option(help="Name or address that parties dial; repeatable, the first goes into invitations."),
    ] = None,
    listen: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Federation port.")] = 8470,
    enrolment_port: Annotated[int, typer.Option(help="Enrolment port.")] = 8471,
    database: DatabaseOption = None,
    passphrase_file: PassphraseOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Make a coordinator's folder: root, server certificate, database, coordinator.toml."""
    given = {"federation": federation, "listen": listen, "port": port, "enrolment_port": enrolment_port}
    named = {"hosts": tuple(host or ()), "database": database}
    chosen = {name: value for name, value in named.items() if value}
    settings = parse_settings(given | chosen, CoordinatorSettings, where="feddmf coordinator init")
    made = enrolling.init(CoordinatorFolder(folder), settings, passphrase_file=passphrase_file)
    if made.passphrase_file is not None:
        say(
            f"the root's key is encrypted; its passphrase was generated into {made.passphrase_file}\n"
            "move that file to a safe place, and give it back by --passphrase-file when you approve"
        )
    say(f"what you do here is logged under your token, which is in {made.token_file}")
    data = {
        "federation": federation,
        "folder": str(folder),
        "settings": str(CoordinatorFolder(folder).settings_file),
        "root_fingerprint": made.root_fingerprint,
        "passphrase_file": None if made.passphrase_file is None else str(made.passphrase_file),
        "token_file": str(made.token_file),
    }
    show(
        data, output, lambda: table(("federation", "root fingerprint"), [(federation, made.root_fingerprint)])
    )
    say("tell the root fingerprint to each company by telephone; then run `feddmf coordinator invite`")


@app.command("invite")
def invite(
    party: PartyArgument,
    *,
    folder: FolderOption = Path(),
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="Where to write the invitation.", show_default="invites/PARTY.invite.toml"
        ),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write an invitation file for a company; invite again to replace. Certificates renew by themselves."""
    made = enrolling.invite(CoordinatorFolder(folder), party, file=file)
    expires = made.invitation.expires.isoformat(timespec="seconds")
    data = {
        "party": party,
        "file": str(made.file),
        "enrolment_address": made.invitation.enrolment_address,
        "federation_address": made.invitation.federation_address,
        "expires": expires,
        "root_fingerprint": made.root_fingerprint,
    }
    columns = ("party", "file", "expires")
    until = utc(made.invitation.expires)
    show(data, output, lambda: table(columns, [(party, str(made.file), until)]))
    say(
        f"send the file to {party} as you would send a password; by another way, tell the root fingerprint\n"
        f"  {made.root_fingerprint}"
    )


@app.command("approve")
def approve(
    party: PartyArgument,
    *,
    folder: FolderOption = Path(),
    fingerprint: Annotated[
        str | None, typer.Option(help="Fingerprint of the party's key, as the party read it out.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Sign the request of a company that is waiting; a running server hands the certificate out."""
    made = enrolling.approve(
        CoordinatorFolder(folder), party, fingerprint=fingerprint, passphrase_file=passphrase_file
    )
    if fingerprint is None:
        say(f"approved without --fingerprint: check with {party} that its key is\n  {made.key_fingerprint}")
    data = {
        "party": party,
        "key_fingerprint": made.key_fingerprint,
        "certificate_fingerprint": made.certificate_fingerprint,
        "serial": made.serial,
        "valid_until": made.until.isoformat(timespec="seconds"),
    }
    rows = [(party, utc(made.until), made.serial)]
    show(data, output, lambda: table(("party", "valid until", "serial"), rows))


@app.command("revoke")
def revoke(
    party: PartyArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Revoke every certificate of a company: calls are refused, and those under way end within seconds."""
    revoked = enrolling.revoke(CoordinatorFolder(folder), party)
    data = {"party": party, "revoked": revoked}
    show(data, output, lambda: table(("party", "revoked"), [(party, revoked)]))


@app.command("renew")
def renew(
    *,
    folder: FolderOption = Path(),
    passphrase_file: PassphraseOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Give the server a new certificate now, also after a change of `hosts`."""
    until = enrolling.renew(CoordinatorFolder(folder), passphrase_file=passphrase_file)
    data = {"valid_until": until.isoformat(timespec="seconds")}
    show(data, output, lambda: table(("server certificate until",), [(utc(until),)]))
    say("a server that runs takes it up by itself")


app.command("start")(start)
app.command("status")(status)
app.command("parties")(parties)
app.command("console")(console)
app.command("renewals")(renewals)
app.command("log")(log)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("upgrade")(upgrade)
app.add_typer(operators, name="operators", help="Who may change the federation: add, list, remove.")
app.add_typer(ledger, name="ledger", help="A party that lost its ledger: let it go on.")
