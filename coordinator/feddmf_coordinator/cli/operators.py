"""`feddmf coordinator operators` and `log`: who may change the federation, and what they did."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf_coordinator import operating
from feddmf_coordinator.cli.options import FolderOption, PassphraseOption, open_database
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.operators import list_operators, read_log, verify_log

__all__ = ["app", "log"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

NameArgument = Annotated[
    str, typer.Argument(help="Name of the operator: lower-case letters, digits, hyphens.")
]


@app.command("add")
def add(
    name: NameArgument,
    *,
    folder: FolderOption = Path(),
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Where to write the token.", show_default="operator/NAME.token"),
    ] = None,
    passphrase_file: PassphraseOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Add an operator; their token goes into a file. Without a token of yours, the root's passphrase does."""
    home = CoordinatorFolder(folder)
    file = token_file or home.operator_token.with_name(f"{name}.token")
    operating.add_operator(home, name, file, passphrase_file=passphrase_file)
    data = {"operator": name, "token_file": str(file)}
    show(data, output, lambda: table(("operator", "token file"), [(name, str(file))]))
    say(f"hand the file to {name} as you would a password; it is used by {operating.TOKEN_VARIABLE}")


@app.command("list")
def list_(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List the operators."""
    with open_database(folder) as database, database.read() as connection:
        found = list_operators(connection)
    data = {"operators": [{"operator": each.name, "added_at": each.added_at.isoformat()} for each in found]}
    rows = [(each.name, utc(each.added_at)) for each in found]
    show(data, output, lambda: table(("operator", "added"), rows))


@app.command("remove")
def remove(
    name: NameArgument, *, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT
) -> None:
    """Take an operator's token out of use, at once."""
    operating.remove_operator(CoordinatorFolder(folder), name)
    show({"operator": name, "removed": True}, output, lambda: f"{name} is no operator any more")


def log(
    *,
    folder: FolderOption = Path(),
    last: Annotated[int, typer.Option(min=1, help="Records to show; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show what operators did, when, and the hash of the last record; a changed record is an error."""
    with open_database(folder) as database, database.read() as connection:
        head = verify_log(connection)
        records = read_log(connection)
    data = {"records": list(records), "head": head}
    rows = [
        (
            each["number"],
            utc(datetime.fromisoformat(each["at"])),
            each["operator"],
            each["action"],
            _what(each),
        )
        for each in records[-last:]
    ]
    columns = ("", "when", "operator", "did", "what")
    show(data, output, lambda: table(columns, rows, title=f"{len(records)} records, head {head}"))


def _what(record: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in record["what"].items()
    )
