"""`feddmf coordinator renewals`: the process that signs, beside the one that serves."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import FormatOption, OutputFormat, show, table
from feddmf.cli.tables import utc
from feddmf.locks import only_one
from feddmf_coordinator.authority import Authority, read_passphrase
from feddmf_coordinator.cli.options import FolderOption, PassphraseOption
from feddmf_coordinator.renewing import renew_all, renew_until
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["renewals"]
_NONE = "no certificate nears its end, and nobody asks for a renewal"


def renewals(
    *,
    folder: FolderOption = Path(),
    once: Annotated[bool, typer.Option("--once", help="Sign what waits now, and end; for cron.")] = False,
    every_s: Annotated[
        float, typer.Option("--every", min=0.1, max=86_400, help="Seconds between looks.")
    ] = 60.0,
    passphrase_file: PassphraseOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Renew certificates that near their end, of parties and of the server, until SIGTERM or Ctrl-C."""
    home = CoordinatorFolder(folder)
    settings = home.load()
    authority = Authority.load(home, read_passphrase(home, passphrase_file))
    with only_one(home.path / "renewing.lock", doing="renewing certificates in"):
        if not once:
            log_to_stderr(settings.logging, verbose=verbose)
            renew_until(home, authority, _stopped_by_signal(), every_s=every_s)
            return
        made = renew_all(home, authority)
    data = {
        "renewed": [
            {
                "party": each.party,
                "serial": each.serial,
                "valid_until": each.until and each.until.isoformat(timespec="seconds"),
                "refused": each.refused,
            }
            for each in made
        ]
    }
    rows = [(each.party or "the server", each.until and utc(each.until), each.refused) for each in made]
    show(data, output, lambda: table(("whose", "valid until", "refused"), rows) if rows else _NONE)


def _stopped_by_signal() -> threading.Event:
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    return stop
