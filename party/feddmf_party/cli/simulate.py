"""`feddmf simulate`: try a run file in one process, before anybody enrols."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.cli.notices import say_notices
from feddmf.cli.output import FormatOption, OutputFormat, say, show
from feddmf.cli.progress import LiveProgress, RoundProgress, run_figures
from feddmf.errors import InputError
from feddmf.files import read_text
from feddmf.plan import matched_rows
from feddmf.protocols.registry import exchanges
from feddmf.rounds import RoundRecord
from feddmf.runfile import load_run
from feddmf_party.run_folder import RunFolder

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
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what an earlier run of the same name left there.")
    ] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Run a run file with all its parties in one process, from their folders, without sockets."""
    # Only this command needs torch.
    from feddmf_party.simulating import check_folders, kept_folders, simulate_folders, simulated_plan

    settings = load_run(file)
    catalogue = _read_catalogue(catalog, catalog_version)
    _check_out(out)
    folders = _folders(party)
    check_folders(settings, folders)
    plan = simulated_plan(settings, catalogue)
    _make_way(kept_folders(plan, out).values(), replace=replace)
    notices = say_notices(plan, matched_rows(catalogue, plan))
    found: list[str] = []
    sent = 0
    last: list[RoundRecord] = []
    with LiveProgress() as loading, RoundProgress(exchanges(plan), waits=False) as progress:

        def on_round(record: RoundRecord) -> None:
            nonlocal sent
            loading.close()
            sent += record.bytes_up
            last[:] = [record]
            progress.add(run_figures(record.diagnostics), sent)

        kept = simulate_folders(
            settings, catalogue, folders, out, on_round=on_round, on_notice=found.append, progress=loading
        )
    for notice in found:
        say(f"note: {notice}")
    data = {
        "folders": {name: str(folder.path) for name, folder in kept.items()},
        "bytes_sent": sent,
        "diagnostics": last[0].diagnostics,
        "notices": [*notices, *found],
    }
    show(data, output, lambda: "\n".join(f"{name}: {folder.path}" for name, folder in kept.items()))
    say(f"ask it: feddmf attributes list --folder {out / settings.parties[0]}")


def _read_catalogue(path: Path, version: int) -> Catalogue:
    text = read_text(path, what="the catalogue", hint="name an existing CSV file")
    return parse_catalogue(text, version=version, where=str(path))


def _check_out(out: Path) -> None:
    """Raise InputError where no folder can be: before the training, and not after it."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{there} is not a folder", hint="name another place with --out")


def _make_way(kept: Iterable[RunFolder], *, replace: bool) -> None:
    """Remove earlier results where they may be replaced: were this run to fail, they would pass for its own.

    InputError names the first of them where they may not.
    """
    earlier = [each for each in kept if each.path.exists()]
    if earlier and not replace:
        raise InputError(
            f"{earlier[0].path} has the results of an earlier run of the same name",
            hint="keep them and name another place with --out, or say --replace to have them removed first",
        )
    for each in earlier:
        each.clear()


def _folders(given: list[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for each in given:
        name, equals, folder = each.partition("=")
        if not equals or name in folders:
            raise InputError(
                f"--party {each} is not PARTY=FOLDER, or names a party twice",
                hint="give --party once for each party of the run",
            )
        folders[name] = Path(folder)
    return folders
