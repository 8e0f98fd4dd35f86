"""What `feddmf doctor` says at either side, and what both sides have looked at: software and disk."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import typer
from rich.table import Table

from feddmf.checkup import Checkup, Standing
from feddmf.cli.output import OutputFormat, show, table
from feddmf.errors import LocalResourceError
from feddmf.free_space import free_bytes, may_write, shown_bytes
from feddmf.wire.version import NEWEST

__all__ = ["check_disk", "check_software", "show_checkup"]

# What the smallest run takes, and what a usual one may take.
_LEAST_BYTES = 100_000_000
_USUAL_BYTES = 2_000_000_000


def check_software(checkup: Checkup) -> None:
    """Say which versions this side has."""
    checkup.ok(
        "software",
        f"feddmf {version('feddmf')}, wire version {NEWEST}, Python {platform.python_version()}",
    )


def check_disk(checkup: Checkup, folder: Path) -> None:
    """Look at the room and the permissions of a folder that is there."""
    if not may_write(folder):
        checkup.problem(
            "disk",
            LocalResourceError(
                f"you may not write into {folder}",
                hint="run the command as the user who owns the folder, or mend its permissions",
            ),
        )
        return
    free = free_bytes(folder)
    text = f"{shown_bytes(free)} left on the disk of {folder}"
    if free < _LEAST_BYTES:
        hint = "free space on that disk: no run can be kept on it"
        checkup.problem("disk", LocalResourceError(text, hint=hint))
    elif free < _USUAL_BYTES:
        checkup.note("disk", text, hint="a run of a large catalogue may take more; free some")
    else:
        checkup.ok("disk", text)


def show_checkup(checkup: Checkup, side: str, folder: Path, output: OutputFormat) -> None:
    """Show every finding, and leave with the exit code of the first problem."""
    data = {
        "side": side,
        "folder": str(folder),
        "healthy": not checkup.problems,
        "findings": [finding.as_dict() for finding in checkup.findings],
    }
    show(data, output, lambda: _table(checkup))
    if checkup.exit_code:
        raise typer.Exit(checkup.exit_code)


def _table(checkup: Checkup) -> Table:
    rows: list[tuple[str, str, str]] = []
    for finding in checkup.findings:
        rows.append((finding.standing.value, finding.check, finding.text))
        if finding.hint:
            rows.append(("", "", f"to do: {finding.hint}"))
    return table(("", "", ""), rows, title=_verdict(checkup))


def _verdict(checkup: Checkup) -> str:
    notes = sum(finding.standing is Standing.NOTE for finding in checkup.findings)
    beside = f", {notes} worth a look" if notes else ""
    if not checkup.problems:
        return f"nothing is broken{beside}"
    count = len(checkup.problems)
    return f"1 problem{beside}" if count == 1 else f"{count} problems{beside}; mend the first one first"
