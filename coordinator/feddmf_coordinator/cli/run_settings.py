"""`feddmf run settings`: every setting of a run file, explained from the models that check it."""

from __future__ import annotations

from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, show, table
from feddmf.runfile import ProtocolName, RecipeName
from feddmf.settings_file import literal
from feddmf.settings_form import explain_run

__all__ = ["settings"]


def settings(
    *,
    protocol: Annotated[
        ProtocolName, typer.Option(help="What a run of this protocol takes, with its defaults.")
    ] = "feddmf",
    recipe: Annotated[RecipeName, typer.Option(help="Whose defaults.")] = "default",
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Explain every setting of a run file: its default, its bounds, what it does."""
    parts = explain_run(protocol, recipe)
    data = {
        "protocol": protocol,
        "recipe": recipe,
        "sections": [
            {"section": part.name, "meaning": part.meaning, "keys": [key.as_dict() for key in part.keys]}
            for part in parts
        ],
    }
    rows = [
        (key.path, "needed" if key.required else _typed(key.default), key.bounds or key.kind, key.meaning)
        for part in parts
        for key in part.keys
    ]
    show(data, output, lambda: table(("key", "default", "may be", "meaning"), rows))


def _typed(value: object) -> str | None:
    return None if value is None else literal(value)
