"""Numbered files that are whole or absent, each behind a digest: a flipped bit must not become other numbers.

A file is a SHA-256 and what it is of: bytes as they are, or a head of JSON and the arrays of payloads, which
are written as they lie and read straight into place.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from feddmf.errors import InputError, LocalResourceError
from feddmf.files import explain_os_error, replacing
from feddmf.payload import Payload

__all__ = ["CheckedFiles"]

_PRIVATE = 0o600
_NAME = re.compile(r"([a-z]+)-(\d{6,})\.checked")
_DIGEST_BYTES = hashlib.sha256().digest_size
_SIZE_BYTES = 4
_UNREADABLE = "look at that disk and at who may read the folder, then start again; nothing was changed"
# What arrays may be of: numbers of a fixed size, in this machine's order.
_DTYPES = frozenset({"bool", "uint8", "int64", "uint64", "float32", "float64"})


class CheckedFiles:
    """Files `kind-000012.checked` of one folder; errors name each under `named`, and say `hint`."""

    def __init__(self, folder: Path, *, hint: str, named: str = "") -> None:
        self.folder = folder
        self._named = named or str(folder)
        self._hint = hint

    def path(self, kind: str, number: int) -> Path:
        """Return where a file lies."""
        return self.folder / f"{kind}-{number:06d}.checked"

    def has(self, kind: str, number: int) -> bool:
        """Tell whether a file is there."""
        return self.path(kind, number).is_file()

    @property
    def is_there(self) -> bool:
        """Whether the folder is there; LocalResourceError where the disk does not say."""
        with self._explained(self._named):
            return self.folder.is_dir()

    def numbers(self, kind: str) -> list[int]:
        """Return the numbers of the files of a kind, ascending; LocalResourceError as `is_there`."""
        with self._explained(self._named):
            found = [_NAME.fullmatch(path.name) for path in self.folder.iterdir()] if self.is_there else []
        return sorted(int(match[2]) for match in found if match and match[1] == kind)

    def missing(self, kind: str, number: int) -> InputError:
        """Return the error of a file that should be there."""
        return InputError(f"{self._shown(kind, number)} is missing", hint=self._hint)

    def damaged(self, kind: str, number: int) -> InputError:
        """Return the error of a file that is not what was written."""
        return InputError(f"{self._shown(kind, number)} is damaged", hint=self._hint)

    def write(self, kind: str, number: int, content: bytes) -> None:
        """Write bytes, durable on return; LocalResourceError where the disk refuses."""
        self._write(kind, number, hashlib.sha256(content).digest(), content)

    def read(self, kind: str, number: int) -> bytes:
        """Return what `write` wrote; InputError where it is not there or damaged.

        LocalResourceError where it may be there whole, and the disk does not give it now.
        """
        with self._reading(kind, number) as file:
            digest, content = file.read(_DIGEST_BYTES), file.read()
        if hashlib.sha256(content).digest() != digest:
            raise self.damaged(kind, number)
        return content

    def write_payloads(
        self, kind: str, number: int, said: Mapping[str, Any], payloads: Mapping[str, Payload]
    ) -> None:
        """Write payloads by name, and what is said of them in JSON; otherwise as `write`.

        An array is neither copied nor, where its payload's digest is known, hashed again.
        """
        shapes = {
            name: [(array_name, array.dtype.name, *array.shape) for array_name, array in payload.items()]
            for name, payload in payloads.items()
        }
        head = json.dumps({"said": dict(said), "payloads": shapes}).encode()
        size = len(head).to_bytes(_SIZE_BYTES, "little")
        parts = (part for payload in payloads.values() for part in payload.buffers())
        self._write(kind, number, _digest(head, payloads), size, head, *parts)

    def read_payloads(self, kind: str, number: int) -> tuple[dict[str, Any], dict[str, Payload]]:
        """Return what `write_payloads` wrote; raises as `read`."""
        with self._reading(kind, number) as file:
            try:
                left = os.fstat(file.fileno()).st_size - _DIGEST_BYTES - _SIZE_BYTES
                digest = file.read(_DIGEST_BYTES)
                size = int.from_bytes(file.read(_SIZE_BYTES), "little")
                head = file.read(min(size, max(left, 0)))
                written = json.loads(head)
                said, shapes = dict(written["said"]), written["payloads"]
                _check_sizes(shapes, left - size)
                payloads = {
                    str(name): Payload({str(array): _read_array(file, *form) for array, *form in arrays})
                    for name, arrays in shapes.items()
                }
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                raise self.damaged(kind, number) from error
        if _digest(head, payloads) != digest:
            raise self.damaged(kind, number)
        return said, payloads

    def nbytes(self, kind: str, number: int) -> int:
        """Return the size of a file; 0 where there is none."""
        return self.path(kind, number).stat().st_size if self.has(kind, number) else 0

    def forget_before(self, kind: str, number: int) -> None:
        """Remove the files of a kind that lie before `number`."""
        with explain_os_error(self.folder):
            for earlier in self.numbers(kind):
                if earlier < number:
                    self.path(kind, earlier).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        with explain_os_error(self.folder):
            if self.folder.exists():
                shutil.rmtree(self.folder)

    def _shown(self, kind: str, number: int) -> str:
        return f"{self._named}/{self.path(kind, number).name}"

    @contextmanager
    def _reading(self, kind: str, number: int) -> Iterator[BinaryIO]:
        with self._explained(self._shown(kind, number)):
            try:
                file = self.path(kind, number).open("rb")
            except FileNotFoundError as error:
                raise self.missing(kind, number) from error
            with file:
                yield file

    @contextmanager
    def _explained(self, shown: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise LocalResourceError(f"cannot read {shown}: {reason}", hint=_UNREADABLE) from error

    def _write(self, kind: str, number: int, *parts: bytes | memoryview) -> None:
        with replacing(self.path(kind, number), mode=_PRIVATE) as beside, beside.open("wb") as file:
            for part in parts:
                file.write(part)


def _digest(head: bytes, payloads: Mapping[str, Payload]) -> bytes:
    """Return the digest of a head and of the digests of payloads, which whoever received them has taken."""
    digest = hashlib.sha256(head)
    for payload in payloads.values():
        digest.update(payload.sha256())
    return digest.digest()


def _check_sizes(shapes: Mapping[str, Any], nbytes: int) -> None:
    """Raise ValueError unless arrays of `shapes` fill `nbytes`: nothing is allocated for a damaged head."""
    total = 0
    for arrays in shapes.values():
        for _, dtype, *shape in arrays:
            if dtype not in _DTYPES or any(not isinstance(each, int) or each < 0 for each in shape):
                raise ValueError("no array")
            total += np.dtype(dtype).itemsize * math.prod(shape)
    if total != nbytes:
        raise ValueError("another size")


def _read_array(file: BinaryIO, dtype: str, *shape: int) -> Any:
    array = np.empty(shape, np.dtype(dtype))
    if array.size and file.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
        raise ValueError("cut short")
    return array
