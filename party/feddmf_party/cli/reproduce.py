"""`feddmf reproduce`: run a published experiment again, and say what held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, shows_live
from feddmf.cli.progress import LiveProgress
from feddmf.files import write_text

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="fig5, fig6, fig7, fig8 (FedDMF paper), fcf, ratings, quality, privacy, or all of them: all."
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", help="Where RESULTS.md goes, and rows and plots under results/.")
    ] = Path("out/reproduce"),
    dataset: Annotated[
        str, typer.Option("--dataset", help="The data set; `ratings` takes MovieLens ones alone.")
    ] = "ml-latest-small",
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder that holds the data sets' folders.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Repetitions, each with another split; fcf makes some more.",
            show_default="3, quick 1",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small version: it shows that the experiment runs, no more.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the work.")] = os.cpu_count()
    or 1,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Run a published experiment again; write its rows, its plot and what held of the claim."""
    # Only this command needs torch and the plots.
    from feddmf_party.reproduce.experiment import Options, Told
    from feddmf_party.reproduce.files import document, perform
    from feddmf_party.reproduce.registry import EXPERIMENTS, chosen

    repeated = tuple(range(seeds or (1 if quick else 3)))
    options = Options(data_dir, dataset, repeated, quick=quick, jobs=jobs)
    sections, experiments = {}, chosen(name)
    # What is wrong with the place, or with rows that lie there, is found before the work.
    write_text(out / "RESULTS.md", document(EXPERIMENTS, out))
    for experiment in experiments:
        with LiveProgress() as progress:
            # What is said of each trial is progress enough where no line moves.
            told = Told(say, progress) if shows_live() else Told(say)
            sections[experiment.name] = perform(experiment, options, out, told)
        # After each, so that what has been done survives a later one that fails.
        write_text(out / "RESULTS.md", document(EXPERIMENTS, out))
    data = {
        "results": str(out / "RESULTS.md"),
        "experiments": {
            each: {"rows": str(out / "results" / f"{each}.csv"), "section": section}
            for each, section in sections.items()
        },
    }
    show(data, output, lambda: "\n".join(sections.values()))
    say(f"rows and plots are in {out / 'results'}, the page is {out / 'RESULTS.md'}")
