"""Words of `feddmf ...` as pages show them, held against the parsers of the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from feddmf.cli.main import COMMANDS, _root

__all__ = ["mistake", "mistake_in_prose", "options"]

# NAME, RUN.toml or $shop stands for what a reader puts there.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_.0-9a-z]*|.*\$.*|\.\.\.")


@cache
def _sides(noun: str, coordinator: Path) -> tuple[Any, ...]:
    """Return the root command as the party's folder and the coordinator's have it."""
    return tuple(get_command(_root(words)) for words in ([noun], [noun, "--folder", str(coordinator)]))


def mistake(words: Sequence[str], coordinator: Path) -> str:
    """Return why no side's parser takes `words` (without `feddmf`) as they are, "" where one does.

    coordinator: a folder with a coordinator.toml, which decides for whom a verb of both sides is parsed.
    """
    noun = next((word for word in words if not word.startswith("-")), "")
    if noun and noun not in COMMANDS:
        return f"there is no feddmf {noun}"
    found = [_mistake_of(root, words) for root in _sides(noun, coordinator)]
    return "" if "" in found else found[-1]


def mistake_in_prose(words: Sequence[str], coordinator: Path) -> str:
    """Return what of `words` does not exist: noun, verb or option. What is left out is no mistake there."""
    noun = next((word for word in words if not word.startswith("-")), "")
    if noun and noun not in COMMANDS:
        return f"there is no feddmf {noun}"
    found = []
    for root in _sides(noun, coordinator):
        command, rest = _reached(root, words)
        if hasattr(command, "commands") and rest and rest[0].islower() and not rest[0].startswith("-"):
            found.append(f"there is no feddmf {noun} {rest[0]}")
            continue
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
        found.append(f"feddmf {noun} has no {unknown[0]}" if unknown and unknown != ["--help"] else "")
    return "" if "" in found else found[-1]


def options() -> set[str]:
    """Return the long options of all commands."""
    return {"--help"} | {
        name for noun in COMMANDS for name in _options_below(_sides(noun, Path())[0].commands[noun])
    }


def _options_below(command: Any) -> Iterator[str]:
    for below in getattr(command, "commands", {}).values():
        yield from _options_below(below)
    for parameter in command.params:
        yield from (name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("--"))


def _reached(root: Any, words: Sequence[str]) -> tuple[Any, list[str]]:
    """Go down to the command that `words` name; return it with the words behind its name."""
    command, rest = root, list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def _mistake_of(root: Any, words: Sequence[str]) -> str:
    command, rest = _reached(root, words)
    if "--help" in rest:
        return ""
    if hasattr(command, "commands") and rest != ["--version"]:
        return f"{rest[0] if rest else 'nothing'} is no verb"
    context = command.context_class(command, info_name="feddmf")
    try:
        values, left, _ = command.make_parser(context).parse_args(rest)
    except Exception as error:  # noqa: BLE001  (whatever the parser raises is what a reader would see)
        return str(getattr(error, "message", error))
    if left:
        return f"{left[0]} is one word too many"
    wrong = (_wrong_value(parameter, values.get(parameter.name)) for parameter in command.params)
    return next((each for each in wrong if each), "")


def _wrong_value(parameter: Any, value: Any) -> str:
    """Return what is wrong with a value: one that is needed and not there, no choice, no number."""
    if value is None or value == ():
        return f"{parameter.name} is missing" if parameter.required else ""
    kind = parameter.type_descriptor.annotation
    words = value if isinstance(value, list | tuple) else [value]
    for word in words:
        if not isinstance(word, str) or _PLACEHOLDER.fullmatch(word) or not isinstance(kind, type):
            continue
        if issubclass(kind, Enum) and word not in {each.value for each in kind}:
            return f"{word} is none of {', '.join(each.value for each in kind)}"
        if kind in (int, float):
            try:
                number = kind(word)
            except ValueError:
                return f"{word} is no number"
            if not (parameter.min or number) <= number <= (parameter.max or number):
                return f"{word} is out of bounds"
    return ""
