"""Settings: TOML in, frozen pydantic models out; each mistake named with its file and key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from feddmf.errors import ConfigError
from feddmf.files import read_bytes

__all__ = ["Settings", "describe_error", "describe_errors", "load_toml", "parse_settings", "read_toml"]


# Far beyond any offer of a large catalogue, and what a parser of TOML reads in a moment.
_MOST_BYTES = 64 << 20
# Of a value that is wrong.
_MOST_SHOWN = 200
_WHOLE, _UNKNOWN, _MISSING = "(whole file)", "unknown key", "missing key"
# A key of so many parts takes the parser quadratic time, and no setting has more than three.
_LONG_KEY = re.compile(rb"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")


class Settings(BaseModel):
    """Base of every settings model: frozen, no unknown keys, no coercion of numbers to text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, model: type[Model], *, what: str = "settings file") -> Model:
    """Read `path` as TOML and validate it against `model`; ConfigError names file and key."""
    return parse_settings(read_toml(path, what=what), model, where=str(path))


def read_toml(path: Path, *, what: str = "settings file") -> dict[str, Any]:
    """Read `path` as TOML; ConfigError names the file, and the line where it is no TOML."""
    text = read_bytes(path, what=what, hint="name an existing TOML file")
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path}: over {_MOST_BYTES} bytes", hint="name a settings file")
    if _LONG_KEY.search(text):
        raise ConfigError(f"{path}: a key of over 100 parts", hint="name a settings file")
    try:
        # Editors on Windows begin a file with a byte order mark.
        return tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", hint="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="mend the line that is named") from error
    except (ValueError, RecursionError) as error:
        # Numbers of very many digits, and brackets within brackets without end.
        raise ConfigError(f"{path}: not valid TOML", hint="shorten its numbers, and nest less") from error


def parse_settings(values: object, model: type[Model], *, where: str) -> Model:
    """Validate `values` against `model`; ConfigError names `where` and the first wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        message, hint = describe_error(error, model)
        raise ConfigError(f"{where}: {message}", hint=hint) from error


def describe_error(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Return (what is wrong with which key, what to do) for the first of pydantic's complaints."""
    path, message, hint = next(describe_errors(error, model))
    if message == _UNKNOWN:
        return f"{_UNKNOWN} {path}", hint
    if message == _MISSING:
        return f"{message} {path or _WHOLE}", hint
    first = error.errors(include_url=False)[0]
    if isinstance(first["input"], str | int | float | bool) and not _is_secret(model, first["loc"]):
        return f"key {path or _WHOLE} = {_shown(first['input'])}: {message}", hint
    return f"key {path or _WHOLE}: {message}", hint


def describe_errors(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what is wrong with it, what to do) for each complaint; "" for several keys."""
    for each in error.errors(include_url=False):
        place = each["loc"]
        if each["type"] == "extra_forbidden":
            known = _known_keys(model, place[:-1])
            near = difflib.get_close_matches(str(place[-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(sorted(known))}"
            yield ".".join(map(str, place)), _UNKNOWN, hint
            continue
        path = _path(model, place)
        if each["type"] == "missing":
            yield path, _MISSING, f"add {path or _WHOLE}"
        else:
            yield path, each["msg"].removeprefix("Value error, "), f"mend {path or _WHOLE}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _is_secret(model: type[BaseModel], place: tuple[int | str, ...]) -> bool:
    """Tell whether the key at `place` is one that is shown to nobody."""
    fields = model.model_fields
    for part in place:
        field = fields.get(str(part))
        if field is None:
            return False
        if not field.repr:
            return True
        kind = field.annotation
        fields = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
    return False


def _path(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """Return the key at `place` as people write it; for a key of two kinds pydantic adds the one it tried."""
    for depth, part in enumerate(place[:-1]):
        field = model.model_fields.get(str(part))
        kinds = set(get_args(field.annotation)) - {NoneType} if field is not None else set()
        if field is not None and get_origin(field.annotation) in {Union, UnionType} and len(kinds) > 1:
            return ".".join(map(str, place[: depth + 1]))
        if field is None or not isinstance(field.annotation, type):
            break
        if not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return ".".join(map(str, place))


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        if not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
