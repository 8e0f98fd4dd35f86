"""`feddmf api`: serve the query API and the console of a party's folder, and look into their log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.listening import (
    CertificateOption,
    HostOption,
    KeyOption,
    ListenOption,
    PortOption,
    VerboseOption,
)
from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder
from feddmf_party.query_log import read_queries

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("serve")
def serve(
    *,
    folder: FolderOption = Path(),
    port: PortOption = 8480,
    listen: ListenOption = "127.0.0.1",
    host: HostOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Serve the console for people and the API for programs, to holders of tokens (feddmf token add)."""
    PartyFolder(folder).require()
    try:
        # Only this command needs a web server.
        from feddmf.web.listening import Listening
        from feddmf_party.api.serving import serve as serve_api
    except ModuleNotFoundError as error:
        raise InputError(
            f"this installation lacks {error.name}, which the query API needs",
            hint="pip install 'feddmf[api]'",
        ) from error
    log_to_stderr(PartyFolder(folder).settings().logging, verbose=verbose)
    where = Listening(listen, port, tuple(host or ()), tls_cert, tls_key)
    told = f"answers at {where.url}v1; console at {where.url}"
    asyncio.run(serve_api(PartyFolder(folder), where, ready=lambda: say(told)))
    say("stopped")


@app.command("log")
def log(
    *,
    folder: FolderOption = Path(),
    who: Annotated[str | None, typer.Option(help="Only what the holder of this token asked.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to show, the last; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show who asked the query API for what and when; every record is held against the one before it."""
    where = PartyFolder(folder)
    where.require()
    every = read_queries(where.query_log)
    found = [record for record in every if who is None or record["who"] == who]
    columns = ("at", "who", "question", "run", "attributes", "users", "rows", "refused")
    rows = [_row(record) for record in found[-top:]]
    head = every[-1]["hash"] if every else None
    data = {"records": found, "total": len(every), "head": head}
    show(data, output, lambda: table(columns, rows, title=f"{len(every)} questions, the chain is whole"))


def _row(record: dict[str, Any]) -> tuple[object, ...]:
    keys, count = record["attributes"], record["attribute_count"]
    told = ", ".join(keys[:3]) + (f" and {count - 3} more" if count > len(keys[:3]) else "")
    return (
        record["at"],
        record["who"],
        record["question"],
        record["run"],
        told or None,
        record["users"],
        record["rows"],
        record["refused"],
    )
