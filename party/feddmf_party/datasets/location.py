"""Finding a data set's folder: named, in the environment, in ./data, in the user's cache, or downloaded."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from feddmf.errors import ConnectError, DataError, InputError
from feddmf.files import read_bytes
from feddmf.progress import NOBODY, Progress
from feddmf_party.datasets.download import download
from feddmf_party.datasets.source import Source

__all__ = ["VARIABLE", "cache_folder", "check_files", "find_folder", "obtain_folder", "places"]

VARIABLE = "FEDDMF_DATA_DIR"
"""The environment variable that names a folder with one folder for each data set."""

_LOG = logging.getLogger(__name__)


def places(data_dir: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the folders in which a data set's own folder is looked for, in order."""
    named = [data_dir] if data_dir is not None else []
    variable = [Path(environ[VARIABLE])] if environ.get(VARIABLE) else []
    return (*named, *variable, Path("data"), cache_folder(environ=environ))


def cache_folder(*, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's cache folder for data sets: $XDG_CACHE_HOME/feddmf or ~/.cache/feddmf."""
    # The XDG specification tells to ignore a relative path.
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path(environ.get("HOME", "~")).expanduser() / ".cache") / "feddmf"


def find_folder(
    source: Source, data_dir: Path | None = None, *, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the first place's folder that holds all files of `source`, unchecked, or None."""
    for place in places(data_dir, environ=environ):
        folder = place / source.name
        if all(_is_file(folder / file.name) for file in source.files):
            return folder
    return None


def obtain_folder(
    source: Source,
    data_dir: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    progress: Progress = NOBODY,
) -> Path:
    """Return the folder with the checked files of `source`, downloaded to the cache where absent.

    Raises DataError for a file that differs from its pinned SHA-256, InputError where the files are absent
    and the publisher has them in another form, ConnectError where the download fails. Each says what to put
    where.
    """
    folder = find_folder(source, data_dir, environ=environ)
    if folder is not None:
        check_files(source, folder)
        return folder
    by_hand = _by_hand(source, places(data_dir, environ=environ))
    if source.url is None:
        raise InputError(f"{source.title} is in none of the places looked at", hint=by_hand)
    folder = cache_folder(environ=environ) / source.name
    try:
        download(source, folder, progress=progress)
    except ConnectError as error:
        raise ConnectError(error.message, hint=by_hand) from error
    except DataError as error:
        raise DataError(error.message, hint=by_hand) from error
    return folder


def check_files(source: Source, folder: Path) -> None:
    """Compare the files with their SHA-256: DataError for a strict file, a logged warning for others.

    A file that nobody has pinned is only read.
    """
    for file in source.files:
        path = folder / file.name
        content = read_bytes(path, what=f"{source.title} file", hint="check the file's permissions")
        found = hashlib.sha256(content).hexdigest()
        if file.fits(found):
            continue
        if file.strict:
            raise DataError(
                f"{path}: its SHA-256 is {found}, that of the publisher's file is {file.sha256}",
                hint=f"delete it and run the command again, or get it anew: {source.recipe}",
            )
        _LOG.warning(
            "%s: its SHA-256 is %s, not %s; results may differ from the documented ones",
            path,
            found,
            file.sha256,
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a place that may not be looked into has nothing for us
        return False


def _by_hand(source: Source, looked_at: tuple[Path, ...]) -> str:
    named = [f"{file.name} (SHA-256 {file.sha256})" if file.sha256 else file.name for file in source.files]
    files = " and ".join(named)
    folders = ", ".join(str(place / source.name) for place in looked_at)
    return f"put {files} into one of: {folders}. How to get it: {source.recipe}"
