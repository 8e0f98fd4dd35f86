"""Files of other projects are those that their publishers made, each with its licence."""

from __future__ import annotations

import hashlib
from importlib.metadata import metadata
from pathlib import Path

import pytest

from vendored import CONSOLES, FOLDERS, NOTES, digests, packages

FILES = [(folder, name) for folder in FOLDERS for name in sorted(digests(folder))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda each: each.parts[-2])
def test_every_file_is_named_and_has_a_digest(folder: Path) -> None:
    """None too few, none too many; and every package's licence is there."""
    named = [name for package in packages(folder) for name in package.files]
    assert len(set(named)) == len(named)
    assert {path.name for path in folder.iterdir()} == {*named, *NOTES}
    assert {*digests(folder)} == {*named}
    assert all(any("LICENSE" in name for name in package.files) for package in packages(folder))


@pytest.mark.parametrize(("folder", "name"), FILES)
def test_files_are_as_they_were_fetched(folder: Path, name: str) -> None:
    """To the byte; what must differ comes from another version, by `make vendor`."""
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digests(folder)[name]


def test_the_distribution_is_under_the_licences_of_what_is_in_it() -> None:
    """Of every package beside the consoles' pages."""
    ours = metadata("feddmf")["License-Expression"].split(" AND ")
    assert all(set(package.licence.split(" AND ")) <= set(ours) for package in packages(CONSOLES))


def test_scripts_reach_for_no_source_map() -> None:
    """A page loads nothing else on their behalf."""
    scripts = list(CONSOLES.glob("*.js"))
    assert scripts
    assert all(b"sourceMappingURL" not in path.read_bytes() for path in scripts)
