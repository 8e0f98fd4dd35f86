"""Options of commands that serve: where to listen, under which names, with which certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["CertificateOption", "HostOption", "KeyOption", "ListenOption", "PortOption", "VerboseOption"]

PortOption = Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")]

ListenOption = Annotated[
    str, typer.Option(help="Address to listen on; any but loopback needs --tls-cert and --tls-key.")
]

HostOption = Annotated[
    list[str] | None,
    typer.Option(help="Name that callers know this server by, besides localhost; repeatable."),
]

CertificateOption = Annotated[
    Path | None, typer.Option("--tls-cert", help="Certificate, with those above it; PEM.")
]

KeyOption = Annotated[Path | None, typer.Option("--tls-key", help="Its key, without a passphrase; PEM.")]

VerboseOption = Annotated[bool, typer.Option("--verbose", help="Log more.")]
