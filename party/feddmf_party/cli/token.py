"""`feddmf token`: who may ask the query API, and until when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder
from feddmf_party.tokens import LONGEST_DAYS, Role, Token, TokenFile

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(help="Name of the token: whose it is.")]


@app.command("add")
def add(
    name: NameArgument,
    *,
    role: Annotated[Role, typer.Option(help="What its holder is.")],
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it is valid.")] = 90,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Make a token for the query API and print it, this once; the folder keeps its SHA-256 alone."""
    secret, made = _tokens(folder).add(name, role, days=days)
    show({**_about(made), "token": secret}, output, lambda: secret)
    say(f"{name} is {role}, until {utc(made.expires)}; the token is shown this once: hand it over in secret")


@app.command("list")
def list_(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List tokens, those that expired or were revoked too."""
    found = _tokens(folder).all()
    now = datetime.now(UTC)
    rows = [(each.name, each.role, each.state(now), utc(each.created), utc(each.expires)) for each in found]
    columns = ("name", "role", "state", "created", "expires")
    show({"tokens": list(map(_about, found))}, output, lambda: table(columns, rows))


@app.command("revoke")
def revoke(
    name: NameArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Close a token; a running server refuses it from the next request on."""
    closed = _tokens(folder).revoke(name)
    show(_about(closed), output, lambda: f"the token of {name} is revoked")


def _tokens(folder: Path) -> TokenFile:
    where = PartyFolder(folder)
    where.require()
    return TokenFile(where.tokens)


def _about(token: Token) -> dict[str, Any]:
    return {
        **token.model_dump(mode="json", exclude={"sha256"}),
        "state": token.state(datetime.now(UTC)),
    }
