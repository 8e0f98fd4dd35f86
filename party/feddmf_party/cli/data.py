"""`feddmf data`: the public data sets of the demo and the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, show, table
from feddmf.cli.progress import LiveProgress
from feddmf_party.datasets.location import find_folder, obtain_folder
from feddmf_party.datasets.registry import DATASETS, source_of

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Look here first; then FEDDMF_DATA_DIR, ./data, the cache.")
]


@app.command("list")
def list_(*, data_dir: DataDirOption = None, output: FormatOption = OutputFormat.TEXT) -> None:
    """List the data sets and where they were found."""
    found = {name: find_folder(source, data_dir) for name, source in DATASETS.items()}
    data = {
        "datasets": [
            {"name": name, "folder": None if folder is None else str(folder)}
            for name, folder in found.items()
        ]
    }
    rows = [(each["name"], each["folder"] or "not here; feddmf data fetch") for each in data["datasets"]]
    show(data, output, lambda: table(("data set", "folder"), rows))


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(DATASETS)}.")],
    *,
    data_dir: DataDirOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Find a data set, or download it from its publisher and check it."""
    with LiveProgress() as progress:
        folder = obtain_folder(source_of(name), data_dir, progress=progress)
    show({"name": name, "folder": str(folder)}, output, lambda: str(folder))
