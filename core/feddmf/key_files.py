"""A key and its certificate in two files, read once, and again when they were renewed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.errors import InputError
from feddmf.signing import Signer

__all__ = ["KeyFiles"]


class KeyFiles:
    """Returns who signs by the files of an identity; None where there is no certificate yet."""

    def __init__(
        self,
        certificate: Path,
        others: tuple[Path, ...],
        load: Callable[[], tuple[ec.EllipticCurvePrivateKey, x509.Certificate]],
    ) -> None:
        """Take the certificate's file, the others whose change says that it is renewed, and what reads it."""
        self._certificate, self._others, self._load = certificate, others, load
        self._lock = threading.Lock()
        self._seen: tuple[tuple[int, int] | None, ...] = ()
        self._signer: Signer | None = None

    def __call__(self) -> Signer | None:
        """Return whose key signs now; InputError where key and certificate do not belong together."""
        with self._lock:
            seen = tuple(_stamp(path) for path in (self._certificate, *self._others))
            if seen != self._seen:
                self._signer, self._seen = self._read(enrolled=seen[0] is not None), seen
            return self._signer

    def _read(self, *, enrolled: bool) -> Signer | None:
        if not enrolled:
            return None
        key, certificate = self._load()
        if key.public_key() == certificate.public_key():
            return Signer(certificate, key)
        if self._signer is None:
            raise InputError(
                f"{self._certificate} is not of the key beside it", hint="restore both files from one backup"
            )
        # A renewal has written one of the two and is about to write the other: the old key still signs.
        return self._signer


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
