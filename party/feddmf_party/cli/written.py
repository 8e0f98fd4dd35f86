"""Files that a party's commands write for people: never over what is the party's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from feddmf.errors import ConfigError, InputError
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.urls import expand, sqlite_file
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles

__all__ = ["check_place"]

_BESIDE_SQLITE = ("", "-journal", "-wal", "-shm")


def check_place(out: Path | None, folder: Path, *, option: str = "--out") -> None:
    """Raise InputError where `out` is a file of the party in `folder`, or of one in a folder above `out`."""
    if out is None:
        return
    # A link would be replaced and not followed: neither it nor what it points to may be the party's.
    places = (_real(out), _real(out.parent) / out.name)
    above = (PartyFolder(parent) for parent in out.absolute().parents)
    for home in (PartyFolder(folder), *(each for each in above if os.access(each.settings_file, os.F_OK))):
        own = tuple(_real(path) for path in _own_paths(home))
        if any(place.is_relative_to(path) for place in places for path in own):
            raise InputError(
                f"{out} is one of the party's own files, or in one of its own folders",
                hint=f"name another file with {option}: it would be written over what is there",
            )


def _real(path: Path) -> Path:
    # Path.resolve raises where links go round in a circle.
    return Path(os.path.realpath(path))


def _own_paths(home: PartyFolder) -> Iterator[Path]:
    """Yield the files and folders of a party that nothing may be written to."""
    yield from (home.settings_file, home.policy_file, home.offer_file, home.ledger, home.countersignatures)
    yield from (home.ledger_key, home.tokens, home.query_log, home.forgotten)
    yield from (home.audiences, home.exports)
    yield from (home.runs, home.tables, home.catalogue, home.matchings, IdentityFiles(home.path).key.parent)
    # A folder that a simulation left has runs alone.
    if home.settings_file.is_file():
        settings = home.settings()
        for each in (settings.data, settings.attributes):
            yield from () if each is None else _source_files(each)


def _source_files(source: SourceSettings) -> Iterator[Path]:
    """Yield the files behind a table: itself, or an SQLite database with what it keeps beside it."""
    if source.path is not None:
        yield source.path
    if source.url is not None:
        # A variable that is not set names no file.
        with suppress(ConfigError):
            file = sqlite_file(expand(source.url))
            if file is not None:
                yield from (file.with_name(file.name + suffix) for suffix in _BESIDE_SQLITE)
