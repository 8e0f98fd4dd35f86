"""Files of other projects that pages load: what they are, and how they are fetched anew.

`python release/vendored.py` writes them from the npm registry, through npm.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONSOLES", "FOLDERS", "NOTES", "Vendored", "digests", "packages"]

_ROOT = Path(__file__).parents[1]
CONSOLES = _ROOT / "core" / "feddmf" / "web" / "vendor"
FOLDERS = (CONSOLES, _ROOT / "docs" / "vendor")
NOTES = ("vendor.toml", "SHA256SUMS")
"""What a folder says of its other files: where they are from, and their digests."""


@dataclass(frozen=True)
class Vendored:
    """One package of the npm registry; `files`: the names of what is taken, and the paths in the package."""

    name: str
    version: str
    licence: str
    integrity: str
    files: dict[str, str]


def packages(folder: Path) -> tuple[Vendored, ...]:
    """Return what a folder's vendor.toml names."""
    said = tomllib.loads((folder / NOTES[0]).read_text(encoding="utf-8"))
    return tuple(Vendored(**each) for each in said["package"])


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, as a folder's SHA256SUMS has them."""
    pairs = [line.split("  ", 1) for line in (folder / NOTES[1]).read_text(encoding="utf-8").splitlines()]
    return {name: digest for digest, name in pairs}


def fetched(package: Vendored, room: Path) -> dict[str, bytes]:
    """Return the files of `package`, fetched into `room`; ends the process where the digest is another."""
    asked = f"{package.name}@{package.version}"
    subprocess.run(["npm", "pack", "--silent", asked], cwd=room, check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    packed = room / f"{package.name}-{package.version}.tgz"
    found = "sha512-" + base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != package.integrity:
        sys.exit(f"{asked} is {found}\nvendor.toml expects {package.integrity}")
    with tarfile.open(packed) as archive:
        taken = {name: archive.extractfile(f"package/{path}") for name, path in package.files.items()}
        return {name: member.read() for name, member in taken.items() if member is not None}


def renew(folder: Path) -> None:
    """Write a folder's files and their digests; a file that vendor.toml no longer names goes."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as room:
        for package in packages(folder):
            files |= fetched(package, Path(room))
    for path in folder.iterdir():
        if path.name not in {*files, *NOTES}:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    (folder / NOTES[1]).write_text("".join(sums), encoding="utf-8")


if __name__ == "__main__":
    for each in FOLDERS:
        renew(each)
