"""`feddmf attributes changes`: what changed from one finished run to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf_party.changes import Changes, Standing, changes_between, run_before
from feddmf_party.cli.options import FolderOption, RunOption
from feddmf_party.cli.sentences import between
from feddmf_party.questions import Questions, finished_run

__all__ = ["changes"]


def changes(
    *,
    run: RunOption = None,
    since: Annotated[
        str | None,
        typer.Option(help="Run to hold it against.", show_default="the one that finished before it"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to show of each; --format json has all.")] = 50,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Say which attributes came, went, or changed their verdict or ROC-AUC since an earlier run."""
    later = finished_run(folder, run)
    earlier = run_before(later.path.parent, later) if since is None else finished_run(folder, since)
    found = changes_between(Questions(earlier), Questions(later))
    if output is OutputFormat.JSON:
        show(found.as_dict(), output, str)
        return
    for part in _parts(found, top):
        show({}, output, lambda part=part: part)  # type: ignore[misc]
    hidden = max(0, *(len(each) - top for each in (found.came, found.went, found.changed)))
    if hidden:
        say(f"{hidden} more; show them with --top {top + hidden}")


def _parts(found: Changes, top: int) -> list[object]:
    counts = f"{len(found.came)} attributes came, {len(found.went)} went, {len(found.changed)} changed"
    parts: list[object] = [f"run {found.after} since {found.before}: {counts}, {found.same} are as they were"]
    if found.changed:
        changed = [
            (each.key, each.label, each.owner, _told(each.before), _told(each.after), each.roc_auc or None)
            for each in found.changed[:top]
        ]
        columns = ("key", "label", "owner", "before", "after", "ROC-AUC")
        parts.append(table(columns, changed, title="\nchanged"))
    if found.came:
        came = [(each.key, each.label, each.owner, _told(each.after)) for each in found.came[:top]]
        parts.append(table(("key", "label", "owner", "now"), came, title="\ncame"))
    if found.went:
        went = [(each.key, each.label, each.owner, each.why) for each in found.went[:top]]
        parts.append(table(("key", "label", "owner", "why"), went, title="\nwent"))
    return parts


def _told(standing: Standing | None) -> str | None:
    if standing is None:
        return None
    if standing.roc_auc is None:
        return standing.verdict
    return f"{standing.verdict}, {between(standing.roc_auc)}"
