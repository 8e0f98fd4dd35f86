"""Run files as forms: every setting with default, bounds and meaning; what was typed, checked, as TOML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feddmf.config import describe_errors
from feddmf.runfile import ProtocolName, RecipeName, RunSettings
from feddmf.settings_file import literal

__all__ = [
    "PROTOCOLS",
    "RECIPE_NAMES",
    "Key",
    "Part",
    "check_typed",
    "explain_run",
    "given_of",
    "read_typed",
    "render_run",
    "typed_of",
]

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)
RECIPE_NAMES: tuple[RecipeName, ...] = get_args(RecipeName)
_PLAIN: Mapping[str, str] = MappingProxyType({"protocol": PROTOCOLS[0], "recipe": RECIPE_NAMES[0]})
# Sections that a protocol takes nothing from.
_UNUSED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "feddmf": frozenset({"fedavg", "fcf", "transfer"}),
        "fedavg": frozenset({"alignment", "fcf", "transfer", "privacy", "enforcement"}),
        "fcf": frozenset({"model", "training", "alignment", "fedavg", "transfer", "privacy", "enforcement"}),
        "transfer": frozenset({"model", "training", "alignment", "fedavg", "fcf", "enforcement"}),
    }
)


@dataclass(frozen=True)
class Key:
    """One setting.

    path: as a run file has it, with its section before a dot; kind: "yes or no", "choice", "whole number",
    "number", "names" or "text"; default: what counts where the key is not given, None where it must be given,
    or nothing counts; lowest, highest: bounds, exclusive where `above` or `below`; choices: words that it may
    be, for numbers beside these; meaning: in a sentence.
    """

    path: str
    kind: str
    required: bool
    default: Any
    lowest: float | None
    highest: float | None
    above: bool
    below: bool
    choices: tuple[str, ...]
    meaning: str

    @property
    def name(self) -> str:
        """The key without its section."""
        return self.path.rpartition(".")[2]

    @property
    def bounds(self) -> str:
        """What it may be, in words; "" where the kind says all."""
        words = " or ".join(self.choices)
        if self.kind not in {"whole number", "number"}:
            return words
        low = None if self.lowest is None else f"{'above' if self.above else 'from'} {_shown(self.lowest)}"
        high = None if self.highest is None else f"{'below' if self.below else 'to'} {_shown(self.highest)}"
        span = " ".join(each for each in (low, high) if each)
        return " or ".join(each for each in (span, words) if each)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**asdict(self), "choices": list(self.choices), "bounds": self.bounds}


@dataclass(frozen=True)
class Part:
    """A section of the run file; name: "" for the keys before the first section."""

    name: str
    meaning: str
    keys: tuple[Key, ...]


def explain_run(protocol: ProtocolName = "feddmf", recipe: RecipeName = "default") -> tuple[Part, ...]:
    """Return the settings that a run of `protocol` takes anything from, with the defaults of `recipe`."""
    sample = {"name": "-", "purpose": "-", "parties": ("a", "b"), "protocol": protocol, "recipe": recipe}
    settings = RunSettings.model_validate(sample)
    parts, top = [], []
    for name, field in RunSettings.model_fields.items():
        value = getattr(settings, name)
        if not isinstance(value, BaseModel):
            default = None if field.is_required() else value
            top.append(_key(name, field, default))
        elif name not in _UNUSED[protocol]:
            kind = type(value)
            keys = tuple(
                _key(f"{name}.{key}", each, getattr(value, key)) for key, each in kind.model_fields.items()
            )
            parts.append(Part(name, (kind.__doc__ or "").partition("\n")[0], keys))
    return (Part("", "The run as a whole.", tuple(top)), *parts)


def read_typed(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed, by path, as a run file has it; what was left empty stands at its default."""
    given: dict[str, Any] = {}
    for part in _every_part():
        for key in part.keys:
            text = typed.get(key.path, "").strip()
            if text:
                place = given.setdefault(part.name, {}) if part.name else given
                place[key.name] = _value(key, text)
    return given


def given_of(settings: RunSettings) -> dict[str, Any]:
    """Return the run file that makes `settings`: what differs from defaults, or all where that is not it."""
    whole = settings.model_dump(mode="json", exclude_none=True)
    given: dict[str, Any] = {}
    for part in explain_run(settings.protocol, settings.recipe):
        values = whole[part.name] if part.name else whole
        defaults = {key.name: key.default for key in part.keys if not key.required}
        kept = {
            key.name: values[key.name]
            for key in part.keys
            if key.name in values and (key.required or values[key.name] != defaults[key.name])
        }
        given.update({part.name: kept} if part.name and kept else kept)
    named = {"protocol": settings.protocol, "recipe": settings.recipe}
    given.update({name: value for name, value in named.items() if value != _PLAIN[name]})
    return given if check_typed(given)[0] == settings else whole


def typed_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Return a run file as it would be typed into a form, by path."""
    typed = dict(_PLAIN)
    for name, value in given.items():
        if isinstance(value, Mapping):
            typed.update({f"{name}.{key}": _text(each) for key, each in value.items()})
        else:
            typed[name] = _text(value)
    return typed


def check_typed(given: Mapping[str, Any]) -> tuple[RunSettings | None, dict[str, str]]:
    """Return the settings, or by path what is wrong with each key; "" for what is wrong with several."""
    try:
        return RunSettings.model_validate(given), {}
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for path, message, _ in describe_errors(error, RunSettings):
            wrong.setdefault(path, message)
        return None, wrong


def render_run(given: Mapping[str, Any]) -> str:
    """Return settings as a run file, those that are given alone."""
    lines = [f"{name} = {literal(value)}" for name, value in given.items() if not isinstance(value, Mapping)]
    for name, section in given.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{name}]", *(f"{key} = {literal(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def _every_part() -> Iterator[Part]:
    """Yield each part once, those that a protocol has no use for too."""
    known: dict[str, Part] = {}
    for protocol in PROTOCOLS:
        for part in explain_run(protocol):
            known.setdefault(part.name, part)
    yield from known.values()


def _value(key: Key, text: str) -> Any:
    """Return what `text` says; text that is none of the key's values is left to be refused by name."""
    if key.kind == "names":
        return [name.strip() for name in text.replace(",", " ").split()]
    if key.kind == "yes or no":
        return {"yes": True, "no": False}.get(text, text)
    if key.kind not in {"whole number", "number"} or text in key.choices:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _key(path: str, field: FieldInfo, default: Any) -> Key:
    kinds, marks, choices = _taken_apart(field.annotation, list(field.metadata))
    lowest = next((float(m.ge) for m in marks if isinstance(m, annotated_types.Ge)), None)  # type: ignore[arg-type]
    highest = next((float(m.le) for m in marks if isinstance(m, annotated_types.Le)), None)  # type: ignore[arg-type]
    above = next((float(m.gt) for m in marks if isinstance(m, annotated_types.Gt)), None)  # type: ignore[arg-type]
    below = next((float(m.lt) for m in marks if isinstance(m, annotated_types.Lt)), None)  # type: ignore[arg-type]
    return Key(
        path=path,
        kind=_kind(kinds, choices),
        required=field.is_required(),
        default=default,
        lowest=above if lowest is None else lowest,
        highest=below if highest is None else highest,
        above=above is not None,
        below=below is not None,
        choices=choices,
        meaning=field.description or "",
    )


def _taken_apart(annotation: Any, marks: list[Any]) -> tuple[set[Any], list[Any], tuple[str, ...]]:
    """Return the plain kinds in an annotation, every mark on them, and the words that it takes."""
    if get_origin(annotation) is Literal:
        return set(), marks, tuple(map(str, get_args(annotation)))
    inside = get_args(annotation)
    if get_origin(annotation) is tuple:
        return {tuple}, marks, ()
    kinds: set[Any] = set() if inside else {annotation}
    choices: tuple[str, ...] = ()
    for each in inside:
        if isinstance(each, FieldInfo):
            marks = [*marks, *each.metadata]
        elif each is not type(None):
            found, marks, words = _taken_apart(each, marks)
            kinds, choices = kinds | found, choices + words
    return kinds, marks, choices


def _shown(bound: float) -> str:
    return f"{bound:,.0f}" if bound.is_integer() else f"{bound:g}"


def _kind(kinds: set[Any], choices: tuple[str, ...]) -> str:
    for kind, name in ((bool, "yes or no"), (int, "whole number"), (float, "number"), (tuple, "names")):
        if kind in kinds:
            return name
    return "choice" if choices else "text"
