"""`feddmf coordinator console`: pages for operators, in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from feddmf.cli.listening import (
    CertificateOption,
    HostOption,
    KeyOption,
    ListenOption,
    PortOption,
    VerboseOption,
)
from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import say
from feddmf.errors import InputError
from feddmf_coordinator.cli.options import FolderOption
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["console"]


def console(
    *,
    folder: FolderOption = Path(),
    port: PortOption = 8490,
    listen: ListenOption = "127.0.0.1",
    host: HostOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Serve pages for operators, who sign in with their token: parties, catalogue, runs, audit."""
    where = CoordinatorFolder(folder)
    settings = where.load()
    try:
        # Only this command needs a web server.
        from feddmf.web.listening import Listening
        from feddmf_coordinator.console.serving import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f"this installation lacks {error.name}, which the console needs",
            hint="pip install 'feddmf[console]'",
        ) from error
    log_to_stderr(settings.logging, verbose=verbose)
    listening = Listening(listen, port, tuple(host or ()), tls_cert, tls_key)
    told = f"console at {listening.url}; sign in with an operator's token"
    asyncio.run(serve(where, listening, ready=lambda: say(told)))
    say("stopped")
