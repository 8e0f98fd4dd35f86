"""Write reference.md and metrics.md from the code, tables and pictures from results/: none can drift.

`python docs/generate.py` writes them; `python docs/generate.py --check` fails where one would change.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from measured import picture, table_lines
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer import Typer

from feddmf import errors
from feddmf.cli.main import COMMANDS
from feddmf.payload import ReleaseKind
from feddmf.runfile import RECIPES, RunSettings
from feddmf.telemetry.metrics import SCRAPE_FAILURES, Metric
from feddmf_benchmarks.cli import SUITES
from feddmf_benchmarks.page import document as performance
from feddmf_coordinator.settings import CoordinatorSettings
from feddmf_coordinator.telemetry.metrics import METRICS as COORDINATOR_METRICS
from feddmf_party.api.app import make_app
from feddmf_party.api.desk import Desk
from feddmf_party.folder import PartyFolder
from feddmf_party.offer import Offer
from feddmf_party.policy import Policy
from feddmf_party.reproduce.files import document
from feddmf_party.reproduce.quality import QUALITY
from feddmf_party.reproduce.registry import EXPERIMENTS
from feddmf_party.settings import PartySettings
from feddmf_party.telemetry.metrics import METRICS as PARTY_METRICS

DOCS = Path(__file__).parent
BEGIN, END = "<!-- Made by make docs from results/quality.csv -->", "<!-- end -->"
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
        DOCS / "protocols.md": with_measured((DOCS / "protocols.md").read_text("utf-8")),
        DOCS / "pictures" / "protocols.svg": picture(DOCS / "results"),
    }
    for page, text in pages.items():
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{page.relative_to(DOCS)} differs from what it is made of; run: make docs")


def with_measured(page: str) -> str:
    """Return a page with the table of what was measured between its two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n" + "\n".join(table_lines(DOCS / "results")) + f"\n{end}{after}"


def lines() -> Iterator[str]:
    """Yield the reference line by line."""
    yield "# Reference"
    yield "\nWritten by `make docs` from the code; do not edit.\n"
    yield "## Commands\n"
    yield from table(("command", "what"), [(f"`feddmf {name}`", text) for name, text in COMMANDS.items()])
    yield "\n## Verbs\n"
    yield "Each says more with `--help`. *Side* is whose folder the command works on.\n"
    yield from table(("command", "side", "what"), sorted(verb_rows()))
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
    yield "\n## Query API\n"
    yield "What `feddmf api serve` answers, by role of the token; `/openapi.json` has bodies and answers.\n"
    yield from table(("request", "roles", "what"), list(api_rows()))
    yield "\n## Release kinds\n"
    yield "Everything that leaves a party is of one of these kinds; `policy.toml` allows them by name.\n"
    yield from table(("kind",), [(f"`{kind.value}`",) for kind in ReleaseKind])


def verb_rows() -> Iterator[tuple[str, str, str]]:
    """Yield (command, side, what) of every verb of every noun."""
    for point in entry_points(group="feddmf.commands"):
        side, _, noun = point.name.partition(".")
        loaded = point.load()
        if isinstance(loaded, Typer):
            yield from ((name, side, what) for name, what in verbs(loaded, f"feddmf {noun}"))
        else:
            yield f"`feddmf {noun}`", side, first_line(loaded.__doc__)


def verbs(app: Typer, path: str) -> Iterator[tuple[str, str]]:
    """Yield (command, what) of the verbs of a noun, and of those one level below."""
    for command in app.registered_commands:
        yield f"`{path} {command.name}`", first_line(command.callback.__doc__ if command.callback else None)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from verbs(group.typer_instance, f"{path} {group.name}")


def api_rows() -> Iterator[tuple[str, str, str]]:
    """Yield (request, roles, what) of every route of the query API."""
    app = make_app(Desk(PartyFolder(DOCS)))
    for path, methods in app.openapi()["paths"].items():
        for method, told in methods.items():
            roles = ", ".join(told["tags"])
            yield f"`{method.upper()} {path}`", roles, first_line(told["description"])


def first_line(text: str | None) -> str:
    """Return the first line of a docstring."""
    return (text or "").strip().partition("\n")[0]


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
