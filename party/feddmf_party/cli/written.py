"""Files that a party's commands write for people: never over what is the party's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from feddmf.errors import InputError
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles

__all__ = ["check_place"]


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
    yield from (home.settings_file, home.policy_file, home.offer_file, home.ledger)
    yield from (home.runs, home.tables, home.catalogue, IdentityFiles(home.path).key.parent)
    # A folder that a simulation left has runs alone.
    if home.settings_file.is_file():
        settings = home.settings()
        yield from (each.path for each in (settings.data, settings.attributes) if each and each.path)
