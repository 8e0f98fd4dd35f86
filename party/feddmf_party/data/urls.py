"""URLs of databases: secrets from the environment, and what messages may show of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from feddmf.errors import ConfigError

__all__ = ["below", "expand", "is_unclear", "is_url", "masked", "shown_url", "sqlite_file"]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///(?:file:|(?!file:)))([^/:?].*)", re.DOTALL)
_SQLITE_PATH = re.compile(r"sqlite(?:\+\w+)?:///([^?]*)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_DELIMITERS = re.compile(r"[/?#@:=&,]")
_HOST = r"(?:\[[^\]\s]*\]|[\w.%-]*)(?::\d*)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_CREDENTIALS = re.compile(r"(?:[^/?#@%\s]|%[0-9A-Fa-f]{2})*")
_UNCLEAR = re.compile(r"[/?#@:=&,;\s]")
_VALUE = re.compile(r"=([^;]*)")
_SHORTEST_SECRET = 4
_HIDDEN = "***"
_UNNAMED = "the database"


def expand(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `url` with each ${NAME} replaced by that environment variable.

    A variable that is the whole URL or in the path of an SQLite file stays as it is; elsewhere it is quoted,
    so that a password may hold any character. Raises ConfigError naming a variable that is not set.
    """
    file = _SQLITE_PATH.match(url)

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
        plain = found.span() == (0, len(url)) or (file is not None and found.end() <= file.end())
        return environ[name] if plain else quote(environ[name], safe="")

    return _VARIABLE.sub(value, url)


def is_url(text: str) -> bool:
    """Return whether `text` begins as URLs do; as a path it may have lost one of two slashes."""
    return _URL.match(text) is not None


def is_unclear(url: str) -> bool:
    """Return whether a driver may take a password of `url`, or part of it, for a host, port or database."""
    rest = url.partition("://")[2]
    credentials, there, _ = rest.rpartition("@")
    if there:
        return _CREDENTIALS.fullmatch(credentials) is None
    return _HOSTS.fullmatch(re.split("[/?#]", rest)[0]) is None


def shown_url(url: str) -> str:
    """Return what a message may show of a URL: scheme, host, port and database."""
    if _VARIABLE.fullmatch(url):
        return url
    file = _SQLITE_PATH.match(url)
    if file is not None:
        return file.group()
    scheme, there, rest = url.partition("://")
    before, _, after = rest.rpartition("@")
    try:
        parts = urlsplit(f"{scheme}://{after}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _UNNAMED
    # A ? before the last @ is in a password, or the @ is in a query; a = is of some dialect's own settings.
    unclear = "?" in before or "=" in f"{parts.netloc}{parts.path}" or (not before and is_unclear(url))
    if not there or not _SCHEME.fullmatch(scheme) or unclear:
        return _UNNAMED
    return f"{scheme}://{parts.hostname or ''}{port}{parts.path}"


def masked(text: str, url: str) -> str:
    """Return `text`, which a driver wrote, on one line and without the secrets of `url`."""
    shown = " ".join(text.split())
    for secret in sorted(_secrets(url), key=len, reverse=True):
        plain = re.escape(secret)
        # In the midst of a word so few letters are no secret.
        found = plain if len(secret) >= _SHORTEST_SECRET else rf"(?<!\w){plain}(?!\w)"
        shown = re.sub(found, _HIDDEN, shown)
    return shown


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database, None for any other and for one in memory."""
    found = _SQLITE_PATH.fullmatch(url.partition("?")[0])
    if found is None:
        return None
    name = found.group(1)
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").removeprefix("//"))
    return None if name in {"", ":memory:"} else Path(name)


def below(folder: Path, url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL of an SQLite file with a relative path as one below `folder`; any other as it is.

    A variable that is the whole of `url`, or begins its path, is looked up for that.
    """
    variable = _VARIABLE.fullmatch(url)
    found = _SQLITE.fullmatch(url if variable is None else environ.get(variable.group(1), ""))
    if found is None:
        return url
    head, path = found.groups()
    first = _VARIABLE.match(path)
    if first is not None and environ.get(first.group(1), "").startswith("/"):
        return url
    place = str(folder.absolute())
    return f"{head}{quote(place) if head.endswith('file:') else place}/{path}"


def _secrets(url: str) -> set[str]:
    """Return the URL, all that comes before an @, passwords, and values of the query; quoted and not.

    Where user, password, host and query end is each driver's own opinion: a password may hold any of / ? # @.
    """
    rest = url.partition("://")[2]
    found = {url, rest.rpartition("@")[0]}
    for end in re.finditer("@", rest):
        user, colon, password = rest[: end.start()].partition(":")
        secret = password if colon else user
        found |= {secret, *_DELIMITERS.split(secret), *_DELIMITERS.split(unquote(secret))}
    if "@" not in rest and is_unclear(url):
        found |= {*_UNCLEAR.split(rest), *_UNCLEAR.split(unquote(rest))}
    for part in re.split("[?&]", rest)[1:]:
        value = part.partition("=")[2]
        # A value may be a list of keys and values itself.
        found |= {value, *(each.strip("{}") for each in _VALUE.findall(unquote_plus(value)))}
    forms = (str, unquote, unquote_plus, lambda text: quote(text, safe=""))
    return {form(secret) for secret in found for form in forms} - {""}
