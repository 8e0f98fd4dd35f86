"""Commented TOML written from a settings model, so that what a file says about a key cannot drift.

Prose stands behind "# ", a key at its default behind "#": who removes that one character has set it.
"""

from __future__ import annotations

import enum
import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["literal", "render_settings"]

_WIDTH = 98
_MANY_DIGITS = 1_000_000
_HOW = 'A key behind "#" stands at its default, or is optional: remove the "#" to set it.'


def render_settings(model: type[BaseModel], given: Mapping[str, Any], *, intro: str) -> str:
    """Return a whole settings file: `given` values (sections as mappings) live, all other keys commented.

    A key without a default or with None for one is shown with the first of its field's `examples`; a
    section that is optional and not given is commented whole, with its header.
    """
    lines = [*_prose(f"{intro} {_HOW}"), *_keys(model, given, live=True)]
    for name, field in model.model_fields.items():
        section = _section(field)
        if section is None:
            continue
        live = name in given or not (field.is_required() or field.default is None)
        # A key of a section whose header is still commented would land in the section above it.
        how = "" if live else f'To use it, remove the "#" of [{name}] first.'
        lines += ["", "", *_prose(f"{field.description or ''} {how}"), f"{'' if live else '#'}[{name}]"]
        lines += _keys(section, given.get(name, {}), live=live)
    return "\n".join(lines) + "\n"


def literal(value: object) -> str:
    """Return `value` as TOML."""
    match value:
        case enum.Enum():
            return literal(value.value)
        case bool() | int() | float():
            many = not isinstance(value, float) and abs(value) >= _MANY_DIGITS
            return f"{value:_}" if many else json.dumps(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping():
            return "{" + ", ".join(f"{literal(key)} = {literal(each)}" for key, each in value.items()) + "}"
        case tuple() | list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case _:
            # JSON's strings are TOML's, but that JSON leaves U+007F as it is.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _keys(model: type[BaseModel], given: Mapping[str, Any], *, live: bool) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if _section(field) is not None:
            continue
        mark = "" if live and name in given else "#"
        yield ""
        yield from _prose(" ".join(filter(None, (field.description, _choices(field.annotation)))))
        yield f"{mark}{name} = {literal(given[name] if name in given else _shown(name, field))}"


def _shown(name: str, field: FieldInfo) -> Any:
    if not field.is_required() and field.default is not None:
        return field.default
    if not field.examples:
        raise ValueError(f"{name} has neither a default nor an example")
    return field.examples[0]


def _choices(annotation: Any) -> str:
    """Return the sentence that names the values a key takes, where they are few and fixed."""
    kinds = get_args(annotation)
    if get_origin(annotation) is Literal:
        return f"One of {', '.join(map(literal, kinds))}."
    if kinds and isinstance(kinds[0], type) and issubclass(kinds[0], enum.Enum):
        return f"Any of {', '.join(map(literal, kinds[0]))}."
    return ""


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model behind a field that is a section, optional or not."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
