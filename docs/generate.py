"""Write reference.md from the code, the other pages from the rows in results/: none can drift.

`python docs/generate.py` writes them; `python docs/generate.py --check` fails where one would change.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from feddmf import errors
from feddmf.cli.main import COMMANDS
from feddmf.payload import ReleaseKind
from feddmf.runfile import RECIPES, RunSettings
from feddmf.telemetry.metrics import SCRAPE_FAILURES, Metric
from feddmf_benchmarks.cli import SUITES
from feddmf_benchmarks.page import document as performance
from feddmf_coordinator.settings import CoordinatorSettings
from feddmf_coordinator.telemetry.metrics import METRICS as COORDINATOR_METRICS
from feddmf_party.offer import Offer
from feddmf_party.policy import Policy
from feddmf_party.reproduce.files import document
from feddmf_party.reproduce.quality import QUALITY
from feddmf_party.reproduce.registry import EXPERIMENTS
from feddmf_party.settings import PartySettings
from feddmf_party.telemetry.metrics import METRICS as PARTY_METRICS

DOCS = Path(__file__).parent
EXIT_MEANING = {
    0: "ok",
    1: "the run failed",
    2: "cannot connect, or not authorised",
    3: "timed out",
    4: "bad arguments or input, usage errors too",
    5: "internal: a defect of ours",
    6: "local resource: disk, port, lock",
}


def main() -> None:
    """Write or check the pages."""
    measured = [path for suite in SUITES if (path := DOCS / "results" / f"bench-{suite}.json").is_file()]
    pages = {
        DOCS / "reference.md": "\n".join(lines()) + "\n",
        DOCS / "metrics.md": "\n".join(metric_lines()) + "\n",
        DOCS / "RESULTS.md": document(EXPERIMENTS, DOCS),
        DOCS / "PERFORMANCE.md": performance((DOCS / "performance_notes.md").read_text("utf-8"), measured),
        DOCS / "QUALITY.md": document([QUALITY], DOCS, intro=(DOCS / "quality_notes.md").read_text("utf-8")),
    }
    for page, text in pages.items():
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif page.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{page.name} differs from what it is made of; run: make docs")


def lines() -> Iterator[str]:
    """Yield the reference line by line."""
    yield "# Reference"
    yield "\nWritten by `make docs` from the code; do not edit.\n"
    yield "## Commands\n"
    yield from table(("command", "what"), [(f"`feddmf {name}`", text) for name, text in COMMANDS.items()])
    yield "\n## Exit codes\n"
    codes = {getattr(errors, name).exit_code for name in errors.__all__} | {0}
    yield from table(("code", "meaning"), [(str(code), EXIT_MEANING[code]) for code in sorted(codes)])
    yield "\n## Run file\n"
    yield from model_table(RunSettings)
    yield "\nA recipe changes defaults; a key in the run file wins over it.\n"
    rows = [
        (recipe, f"`{section}.{key}`", f"`{value}`")
        for recipe, sections in RECIPES.items()
        for section, keys in sections.items()
        for key, value in keys.items()
    ]
    yield from table(("recipe", "key", "default"), rows)
    for title, model in (
        ("party.toml", PartySettings),
        ("policy.toml", Policy),
        ("offer.toml", Offer),
        ("coordinator.toml", CoordinatorSettings),
    ):
        yield f"\n## {title}\n"
        yield from model_table(model)
    yield "\n## Release kinds\n"
    yield "Everything that leaves a party is of one of these kinds; `policy.toml` allows them by name.\n"
    yield from table(("kind",), [(f"`{kind.value}`",) for kind in ReleaseKind])


def metric_lines() -> Iterator[str]:
    """Yield the page on metrics line by line."""
    yield "# Metrics"
    yield "\nWritten by `make docs` from the code; do not edit."
    yield (
        "\nEach side shows its own at `/metrics` for Prometheus, where `[metrics]` in its settings names "
        "a port. There `/healthz` says that the process runs, `/readyz` whether what it needs is there. "
        "Series of a run go when 16 others have ended after it. "
        "[examples/deploy](../examples/deploy/README.md) has a dashboard and alerts."
    )
    for title, metrics, always in (
        ("Coordinator", COORDINATOR_METRICS, ()),
        ("Party", PARTY_METRICS, ("party",)),
        ("Both", (SCRAPE_FAILURES,), ()),
    ):
        yield f"\n## {title}\n"
        if always:
            yield f"Each has the label `{always[0]}` besides its own: the party's id.\n"
        yield from table(("metric", "kind", "labels", "meaning"), [metric_row(each) for each in metrics])
    yield "\nBeside these stand the usual `process_*` of the process itself: memory, processor, open files."


def metric_row(metric: Metric) -> tuple[str, ...]:
    """Return what a table tells of a metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{metric.name}`", metric.kind.value, labels, metric.meaning


def model_table(model: type[BaseModel]) -> Iterator[str]:
    """Yield a table of a settings model's keys."""
    yield from table(("key", "default", "meaning"), list(model_rows(model, "")))


def model_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield (key, default, meaning) of a model and its sections."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is not None:
            yield from model_rows(section, f"{prefix}{name}.")
        else:
            yield f"`{prefix}{name}`", default_of(field), field.description or ""


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model behind a field that is a section, optional or not."""
    kinds: tuple[Any, ...] = getattr(field.annotation, "__args__", (field.annotation,))
    found = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(found, None)


def default_of(field: FieldInfo) -> str:
    """Return a field's default as a table shows it."""
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, tuple):
        return "`" + ", ".join(str(part) for part in field.default) + "`" if field.default else "none"
    return "none" if field.default is None else f"`{field.default}`"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


if __name__ == "__main__":
    main()
