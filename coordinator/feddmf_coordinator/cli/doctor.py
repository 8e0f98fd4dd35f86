"""`feddmf doctor` at the coordinator: what is wrong with its folder, its database and its ports."""

from __future__ import annotations

from pathlib import Path

from feddmf.cli.checking import show_checkup
from feddmf.cli.output import FormatOption, OutputFormat
from feddmf.cli.progress import LiveProgress
from feddmf_coordinator.cli.options import FolderOption
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["doctor"]


def doctor(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Look at a coordinator's folder, its database, ports and parties: each is ok, or with what to do.

    The exit code is 0, or that of the first problem. In a party's folder it looks at the party.
    """
    # Only a command that connects needs gRPC.
    from feddmf_coordinator.doctor import examine

    with LiveProgress() as progress:
        checkup = examine(CoordinatorFolder(folder), progress)
    show_checkup(checkup, "coordinator", folder, output)
