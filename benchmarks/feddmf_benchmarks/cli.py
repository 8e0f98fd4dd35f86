"""`feddmf bench`: how fast, against what, and how near to the machine's limit."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.errors import InputError
from feddmf.files import write_text
from feddmf_benchmarks.comparing import LOOKING_ON
from feddmf_benchmarks.machine import describe_machine
from feddmf_benchmarks.row import Row, Scale

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["SUITES", "bench"]


SUITES = ("train", "growth", "ranks", "align", "wire", "load", "score", "console", "parties", "end-to-end")


def bench(
    suite: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(SUITES)}.")],
    scale: Annotated[
        Scale, typer.Option("--scale", help="small for a minute, usual, or full for what is published.")
    ] = Scale.USUAL,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the rows, and what they were measured on, here as JSON."),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Measure speed and memory against baselines that run in turns with it, one thread each."""
    if suite not in SUITES:
        raise InputError(f"no benchmark is called {suite!r}", hint=f"there are {', '.join(SUITES)}")
    # Before any library that reads it is loaded, here and in the processes of the contenders.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    module = importlib.import_module(f"feddmf_benchmarks.suites.{suite.replace('-', '_')}")
    with LiveProgress() as progress:
        looking_on = LOOKING_ON.set(progress)
        try:
            rows: list[Row] = module.rows(scale)
        finally:
            LOOKING_ON.reset(looking_on)
    data = {
        "suite": suite,
        "scale": scale.value,
        "machine": describe_machine(),
        "rows": [row.as_dict() for row in rows],
    }
    if out is not None:
        write_text(out, json.dumps(data, indent=1) + "\n")
    show(data, output, lambda: _table(rows))


def _table(rows: list[Row]) -> Table:
    columns = ("name", "baseline", "ratio", "value", "unit", "share of limit", "peak MiB")
    return table(
        columns,
        [
            (
                row.name,
                row.baseline or None,
                None if row.ratio is None else f"{row.ratio:.2f}",
                f"{row.value:,.4g}",
                row.unit,
                None if row.share_of_limit is None else f"{row.share_of_limit:.1%}",
                f"{row.peak_mib:,.0f}",
            )
            for row in rows
        ],
    )
