"""`feddmf simulate`: try a run file in one process, before anybody enrols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.catalogue.table import parse_catalogue
from feddmf.cli.output import FormatOption, OutputFormat, show
from feddmf.cli.progress import RoundProgress, run_figures
from feddmf.errors import CatalogueError, InputError
from feddmf.files import read_bytes
from feddmf.rounds import RoundRecord
from feddmf.runfile import load_run

__all__ = ["simulate"]


def simulate(
    file: Annotated[Path, typer.Argument(help="The run file, TOML.")],
    *,
    catalog: Annotated[Path, typer.Option("--catalog", help="The catalogue, as the operator publishes it.")],
    party: Annotated[list[str], typer.Option("--party", help="PARTY=FOLDER, once for each party.")],
    catalog_version: Annotated[
        int, typer.Option(min=1, help="Version that the catalogue would be; draws depend on it.")
    ] = 1,
    out: Annotated[Path, typer.Option("--out", help="Where to keep each party's results.")] = Path(
        "out/simulate"
    ),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Run a run file with all its parties in one process, from their folders, without sockets."""
    # Only this command needs torch.
    from feddmf_party.simulating import simulate_folders

    settings = load_run(file)
    content = read_bytes(catalog, what="the catalogue", hint="name an existing CSV file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{catalog} is not UTF-8 text", hint="save it as UTF-8") from error
    catalogue = parse_catalogue(text, version=catalog_version, where=str(catalog))
    sent = 0
    last: list[RoundRecord] = []
    with RoundProgress(settings.rounds + 1) as progress:

        def on_round(record: RoundRecord) -> None:
            nonlocal sent
            sent += record.bytes_up + record.bytes_down
            last[:] = [record]
            progress.add(run_figures(record.diagnostics), sent)

        kept = simulate_folders(settings, catalogue, _folders(party), out, on_round=on_round)
    data = {
        "folders": {name: str(folder.path) for name, folder in kept.items()},
        "bytes_sent": sent,
        "diagnostics": last[0].diagnostics,
    }
    text_lines = "\n".join(f"{name}: {folder.path}" for name, folder in kept.items())
    show(data, output, lambda: text_lines)


def _folders(given: list[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for each in given:
        name, equals, folder = each.partition("=")
        if not equals or name in folders:
            raise InputError(f"--party {each!r} is not PARTY=FOLDER, or names a party twice", hint="mend it")
        folders[name] = Path(folder)
    return folders
