"""Run settings for an evaluation: a run file's keys, given one by one as KEY=VALUE."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from feddmf.config import parse_settings
from feddmf.errors import InputError
from feddmf.runfile import RunSettings

__all__ = ["PROTOCOLS", "parse_overrides", "settings_for"]

PROTOCOLS: tuple[str, ...] = get_args(RunSettings.model_fields["protocol"].annotation)
"""Every protocol that a run file can name."""

# What the options of the command say already.
_DECIDED = {
    "seed": "--seeds",
    "protocol": "--protocol",
    "parties": "--parties",
    "name": "nothing; an evaluation has no name",
    "purpose": "nothing; an evaluation has no purpose of its own",
}


def parse_overrides(given: Sequence[str]) -> dict[str, Any]:
    """Turn `training.epochs=2` and the like into the nested keys of a run file; the last one given wins.

    Values are read as TOML, and as text where they are none. InputError names what is no KEY=VALUE, or is
    decided elsewhere; whether keys exist is for `settings_for`.
    """
    overrides: dict[str, Any] = {}
    for each in given:
        path, equals, value = each.partition("=")
        *sections, key = path.strip().split(".")
        if not equals or not key:
            raise InputError(f"--set {each} is not KEY=VALUE", hint="write it as training.epochs=2")
        if path.strip() in _DECIDED:
            raise InputError(
                f"--set {each}: {path.strip()} is set by {_DECIDED[path.strip()]}", hint="leave it out"
            )
        place = overrides
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise InputError(f"--set {each}: {section} is a value too", hint="keep one of the two")
        place[key] = _value(value.strip())
    return overrides


def settings_for(
    name: str, overrides: Mapping[str, Any], *, parties: Sequence[str], seed: int
) -> RunSettings:
    """Return the run settings of contender `name`; ConfigError names a wrong key and the nearest one."""
    base = {"name": "evaluation", "purpose": "evaluation", "parties": tuple(parties), "seed": seed}
    if name in PROTOCOLS:
        given = {**overrides, "protocol": name}
    else:
        # Without a protocol there is nothing to hide or to exchange, and users have free vectors.
        given = {key: value for key, value in overrides.items() if key not in {"masks", "alignment"}}
        given["model"] = {**given.get("model", {}), "tower": "id"}
    return parse_settings({**base, **given}, RunSettings, where="--set")


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text
