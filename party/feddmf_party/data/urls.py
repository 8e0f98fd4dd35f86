"""URLs of databases: secrets from the environment, and what messages may show of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from feddmf.errors import ConfigError

__all__ = ["below", "expand", "masked", "shown_url"]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:?].*)", re.DOTALL)
_HIDDEN = "***"


def expand(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `url` with each ${NAME} replaced by that environment variable.

    A variable that is the whole URL stays as it is; within a longer one it is quoted, so that a password may
    hold any character. Raises ConfigError naming a variable that is not set.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not _NAME.fullmatch(name):
            raise ConfigError(
                "the database's url has a ${...} that names no environment variable",
                hint="write ${NAME}, with letters, digits and underscores",
            )
        if not environ.get(name):
            raise ConfigError(
                f"the database's url needs the environment variable {name}, which is not set",
                hint=f"set {name} where the command runs",
            )
        whole = found.span() == (0, len(url))
        return environ[name] if whole else quote(environ[name], safe="")

    return _VARIABLE.sub(value, url)


def shown_url(url: str) -> str:
    """Return what a message may show of a URL: scheme, host, port and database."""
    if _VARIABLE.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}" if parts.scheme else "the database"


def masked(text: str, url: str) -> str:
    """Return `text`, which a driver wrote, on one line and without the secrets of `url`."""
    shown = " ".join(text.split())
    for secret in sorted(_secrets(url), key=len, reverse=True):
        shown = shown.replace(secret, _HIDDEN)
    return shown


def below(folder: Path, url: str) -> str:
    """Return the URL of an SQLite file with a relative path as one below `folder`; any other as it is."""
    found = _SQLITE.fullmatch(url)
    return url if found is None else f"{found.group(1)}{(folder / found.group(2)).absolute()}"


def _secrets(url: str) -> set[str]:
    """Return the URL and each password in it, as they are and as they are quoted."""
    found = {url}
    try:
        parts = urlsplit(url)
        found |= {parts.password or ""}
        found |= {value for key, value in parse_qsl(parts.query) if "pass" in key.lower()}
    except ValueError:  # what is no URL is itself the secret
        pass
    return {each for secret in found for each in (secret, unquote(secret), quote(secret, safe="")) if each}
