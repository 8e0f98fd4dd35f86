"""`feddmf doctor` at a party: what is wrong with its folder and the way to the coordinator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.checking import show_checkup
from feddmf.cli.output import FormatOption, OutputFormat
from feddmf.cli.progress import LiveProgress
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder

__all__ = ["doctor"]


def doctor(
    *,
    folder: FolderOption = Path(),
    invite: Annotated[
        Path | None,
        typer.Option(
            "--invite",
            help="An invitation that has not been used yet.",
            show_default="*.invite.toml in the folder",
        ),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Look at a company's folder, its data and the way to the coordinator: each is ok, or with what to do.

    The exit code is 0, or that of the first problem. In a coordinator's folder it looks at the coordinator.
    """
    # Only a command that connects needs gRPC.
    from feddmf_party.doctor import examine

    with LiveProgress() as progress:
        checkup = examine(PartyFolder(folder), invitation=invite, progress=progress)
    show_checkup(checkup, "party", folder, output)
