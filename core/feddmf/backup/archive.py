"""A backup as one file: a plain tar whose last member, `manifest.json`, has the SHA-256 of all before it.

So a backup that was cut short has no manifest, and one that was changed does not fit it. Standard tools can
read it; only `unpack` puts it back, whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any

from feddmf.errors import InputError
from feddmf.files import all_or_nothing, explain_os_error, replacing
from feddmf.progress import MEGA, NOBODY, Progress, Tally

__all__ = ["Archive", "Manifest", "archiving", "restoring", "unpack", "verify"]

_MANIFEST = "manifest.json"
_VERSION = 1
_BLOCK = 1 << 20
_OWNERS = 0o700
_MOST_MANIFEST_BYTES = 1 << 28
_DAMAGED = "take another backup; this one must not be trusted"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. about: what its side tells of it; files: SHA-256 of each, in hex."""

    of: str
    made_at: datetime
    about: Mapping[str, Any]
    files: Mapping[str, str]
    bytes: int


@dataclass
class Archive:
    """A backup that is being written."""

    _tar: tarfile.TarFile
    _files: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0

    def add_folder(self, name: str) -> None:
        """Add a folder, which may be empty."""
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, _OWNERS
        self._tar.addfile(member)

    def add(
        self,
        name: str,
        source: IO[bytes],
        size: int,
        *,
        mode: int,
        at: float,
        told: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Add the next `size` bytes of `source` as the file `name`, last changed at `at`.

        told: hears how many more bytes are in it.
        """
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, mode, int(at)
        reading = _Reading(source, told)
        self._tar.addfile(member, reading)
        self._files[name] = reading.digest.hexdigest()
        self._bytes += size

    def close(self, of: str, about: Mapping[str, Any]) -> Manifest:
        """Add the manifest, and return it."""
        made_at = datetime.now(UTC).replace(microsecond=0)
        said = {
            "feddmf_backup": _VERSION,
            "of": of,
            "made_at": made_at.isoformat(),
            "feddmf": version("feddmf"),
            "about": dict(about),
            "files": self._files,
        }
        whole = json.dumps(said, indent=1, sort_keys=True).encode()
        member = tarfile.TarInfo(_MANIFEST)
        member.size, member.mode, member.mtime = len(whole), 0o600, int(time.time())
        self._tar.addfile(member, io.BytesIO(whole))
        return Manifest(of, made_at, about, dict(self._files), self._bytes)


@contextmanager
def archiving(file: Path) -> Iterator[Archive]:
    """Yield a backup to fill; it is in its place, readable by its owner alone, when the block ends.

    Raises InputError where `file` is there already, LocalResourceError where the disk refuses.
    """
    if os.path.lexists(file):
        raise InputError(f"{file} is there already; a backup overwrites nothing", hint="name another file")
    with replacing(file, mode=0o600) as beside, tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as tar:
        yield Archive(tar)


def verify(file: Path, *, of: str, progress: Progress = NOBODY) -> Manifest:
    """Read a whole backup of side `of`; InputError where it is none, was cut short, or was changed."""
    return _read(file, of, lambda _, content: _read_through(content), lambda _: None, progress)


@contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Remove all that the block put into `folder`, if it fails; InputError where that is not empty."""
    was_there = folder.exists()
    if was_there and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} is not empty; a backup is restored into a new folder",
            hint="name another with --folder",
        )
    with all_or_nothing(folder):
        try:
            yield
        except BaseException:
            if was_there:
                for path in folder.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            raise


def unpack(file: Path, folder: Path, *, of: str, progress: Progress = NOBODY) -> Manifest:
    """Put what is in a backup of side `of` into `folder`, within `restoring`; return what the backup says.

    Raises InputError where the backup does not hold, LocalResourceError where the disk refuses.
    """

    def put(member: tarfile.TarInfo, content: _Reading) -> None:
        path = folder / member.name
        path.parent.mkdir(mode=_OWNERS, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(content, target, _BLOCK)
            target.flush()
            os.fchmod(target.fileno(), member.mode & 0o644)
            os.fsync(target.fileno())
        os.utime(path, (member.mtime, member.mtime))

    def put_folder(name: str) -> None:
        (folder / name).mkdir(mode=_OWNERS, parents=True, exist_ok=True)

    with explain_os_error(folder):
        folder.mkdir(mode=_OWNERS, parents=True, exist_ok=True)
        return _read(file, of, put, put_folder, progress)


def _read(
    file: Path,
    of: str,
    put: Callable[[tarfile.TarInfo, _Reading], None],
    put_folder: Callable[[str], object],
    progress: Progress,
) -> Manifest:
    """Pass every file of a backup to `put`, which reads it to its end; return what the backup says."""
    found, size, said = dict[str, str](), 0, None
    try:
        whole = file.stat().st_size
        tally = Tally(progress, whole, "MB read", unit=MEGA)
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                if said is not None or not _is_safe(member):
                    raise _damaged(file, f"it holds {member.name!r}, which no backup does")
                content = tar.extractfile(member)
                if content is None:
                    put_folder(member.name)
                elif member.name == _MANIFEST:
                    said = content.read(_MOST_MANIFEST_BYTES)
                else:
                    reading = _Reading(content, tally.add)
                    put(member, reading)
                    found[member.name] = reading.digest.hexdigest()
                    size += member.size
            # The rest is what the tar says of its members.
            tally.add(whole - size)
    except FileNotFoundError as error:
        if file.exists():
            raise
        raise InputError(f"there is no {file}", hint="name the file of a backup") from error
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(file, f"it is no whole tar: {error}") from error
    if said is None:
        raise _damaged(file, "it was cut short: it has no manifest at its end")
    return _checked(file, of, said, found, size)


def _checked(file: Path, of: str, said: bytes, found: Mapping[str, str], size: int) -> Manifest:
    """Return the manifest where it is of such a backup, and the files are those that it has."""
    try:
        told = json.loads(said)
        made = Manifest(
            str(told["of"]),
            datetime.fromisoformat(told["made_at"]),
            dict(told["about"]),
            {str(name): str(digest) for name, digest in told["files"].items()},
            size,
        )
        kind = told["feddmf_backup"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, "its manifest cannot be read") from error
    if kind != _VERSION:
        raise InputError(f"{file} is a backup of another kind, {kind}", hint="use the version that made it")
    if made.of != of:
        raise InputError(f"{file} is the backup of a {made.of}", hint=f"run `feddmf {made.of} restore`")
    if missing := sorted(made.files.keys() - found.keys()):
        raise _damaged(file, f"{missing[0]} is not in it")
    for name, digest in found.items():
        if made.files.get(name) != digest:
            raise _damaged(file, f"{name} is not what was put in")
    return made


class _Reading(io.RawIOBase):
    """A file of which a digest is taken while it is read; `told` hears how much has been read."""

    def __init__(self, source: IO[bytes], told: Callable[[int], object]) -> None:
        self._source, self._told = source, told
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return what the file has next."""
        block = self._source.read(size)
        self.digest.update(block)
        self._told(len(block))
        return block


def _read_through(content: _Reading) -> None:
    while content.read(_BLOCK):
        pass


def _is_safe(member: tarfile.TarInfo) -> bool:
    """Tell whether a member is a plain file or a folder, inside the folder that it is put into."""
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and bool(path.parts) and ".." not in path.parts
    return inside and (member.isreg() or member.isdir())


def _damaged(file: Path, why: str) -> InputError:
    return InputError(f"{file} cannot be used as a backup: {why}", hint=_DAMAGED)
