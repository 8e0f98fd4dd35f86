"""A signed hash chain as a file of JSON lines that only grows; a record is on disk before it counts."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from feddmf.errors import InputError
from feddmf.files import explain_os_error, growing
from feddmf.ledger import (
    KEY_EVENT,
    MAX_LINE_BYTES,
    MENDED_EVENT,
    Head,
    chain,
    encode_line,
    follow,
    parse_line,
)
from feddmf.signing import Domain, Signer, from_text, sign, to_text

__all__ = ["ChainFile", "SignedHead", "read_lines"]

_RESTORE = "the file was cut or edited; restore it from a backup"
_NONCE_BYTES = 16


@dataclass(frozen=True)
class SignedHead:
    """The end of a chain, and the signature of its last record, DER, which is over both."""

    head: Head
    signature: bytes


class ChainFile:
    """Appends to and reads one chain; other threads and processes may append to the same file.

    Opening checks that the records follow one another, and not their signatures: `feddmf audit verify` does.
    A last line without its end never counted: the power went before it was on disk. It is not read, and the
    next record that is appended sets it aside, into the file's name with `.torn`, and says so.
    """

    def __init__(
        self,
        path: Path,
        domain: Domain,
        signer: Callable[[], Signer | None],
        visit: Callable[[Mapping[str, Any]], None] = lambda _: None,
        *,
        hides: bool = False,
    ) -> None:
        """Open the chain; InputError names the first record that does not fit.

        signer: whose key signs from the next record on; None where there is no key yet. visit: is told each
        record, those to come too. hides: whether each record has a random nonce, so that its hash, and with
        it every head, commits to the record and lets nobody guess what it says.
        """
        self._hides = hides
        self._path, self._domain, self._signer, self._visit = path, domain, signer, visit
        self._lock = threading.Lock()
        self._size, self._head = 0, Head()
        # How many bytes were set aside and stand in no record yet.
        self._aside = 0
        self._signature: str | None = None
        # The certificate that the last key record names.
        self._certificate: str | None = None
        self.refresh()

    def __len__(self) -> int:
        return self._head.length

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    def head(self) -> str:
        """Hash of the last record that this object knows of."""
        return self._head.hash

    @property
    def end(self) -> Head:
        """How many records this object knows of, and the hash of the last."""
        return self._head

    def signed_head(self) -> SignedHead:
        """Return the end of the file as it is now; InputError where its last record is not signed."""
        self.refresh()
        with self._lock:
            if self._signature is None:
                raise InputError(
                    f"{self._path}: record {self._head.length - 1} is not signed",
                    hint="this party has no identity yet: run `feddmf party enroll`",
                )
            return SignedHead(self._head, from_text(self._signature))

    def append(self, content: Mapping[str, Any], *before: Mapping[str, Any]) -> int:
        """Add a record with the time, and those that must come before it; return its number.

        They are fsynced when this returns, or none of them is there. Where another key signs from here on, a
        record that names its certificate comes first.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        stamped = [{"at": at, **each} for each in (*before, content)]
        # A file that never had a record is created; one that had and is gone is an error.
        create = not self._size
        with self._lock, explain_os_error(self._path), growing(self._path, create=create) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            self._mend(file)
            return self._write(file, self._signer(), at, stamped)

    def refresh(self) -> None:
        """Take in what another process has appended since."""
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    # Whoever appends holds it alone, so that no half line is read.
                    fcntl.flock(file, fcntl.LOCK_SH)
                    self._catch_up(file)
            except FileNotFoundError:
                self._check_size(0)
            except OSError as error:
                raise InputError(
                    f"cannot read {self._path}: {os.strerror(error.errno or 0)}", hint=_RESTORE
                ) from error

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records in order, no torn last line; InputError names a line that is no record."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for number, line in enumerate(_whole_lines(file, where=str(self._path))):
                yield _parsed(line, self._path, number)

    def _catch_up(self, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        self._check_size(size)
        if size == self._size:
            return
        file.seek(self._size)
        for line in _whole_lines(file, where=str(self._path), first=self._head.length):
            self._take(_parsed(line, self._path, self._head.length), len(line))

    def _mend(self, file: BinaryIO) -> None:
        """Set aside what stands behind the last whole line; whoever calls holds the file alone."""
        size = os.fstat(file.fileno()).st_size
        if size == self._size:
            return
        file.seek(self._size)
        torn = file.read()
        beside = self._path.with_name(f"{self._path.name}.torn")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write_whole(descriptor, torn)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.ftruncate(file.fileno(), self._size)
        self._aside += len(torn)

    def _check_size(self, size: int) -> None:
        if size < self._size:
            raise InputError(
                f"{self._path} has {size} bytes where it had {self._size}: records at its end were cut off",
                hint=_RESTORE,
            )

    def _take(self, record: Mapping[str, Any], size: int) -> None:
        try:
            self._head = follow(self._head, record)
        except InputError as error:
            raise InputError(f"{self._path}: {error.message}", hint=error.hint) from error
        self._size += size
        self._signature = record.get("signature")
        if record.get("event") == KEY_EVENT:
            self._certificate = record.get("certificate")
        self._visit(record)

    def _write(self, file: BinaryIO, signer: Signer | None, at: str, contents: list[dict[str, Any]]) -> int:
        if signer is None and self._certificate is not None:
            raise InputError(
                f"{self._path} is signed, and there is no key to go on with",
                hint="restore the identity folder from a backup, or enrol again",
            )
        if self._aside:
            contents.insert(0, {"event": MENDED_EVENT, "set_aside_bytes": self._aside, "at": at})
        if signer is not None and signer.certificate_text != self._certificate:
            contents.insert(0, {"event": KEY_EVENT, "certificate": signer.certificate_text, "at": at})
        records, head = [], self._head
        for each in contents:
            nonce = {"nonce": secrets.token_hex(_NONCE_BYTES)} if self._hides else {}
            record = chain({**each, **nonce}, number=head.length, previous=head.hash)
            head = Head(head.length + 1, record["hash"])
            records.append(record if signer is None else {**record, "signature": self._sign(signer, head)})
        self._write_lines(file, [encode_line(record) for record in records], records)
        self._aside = 0
        return int(records[-1]["number"])

    def _write_lines(self, file: BinaryIO, lines: list[bytes], records: list[dict[str, Any]]) -> None:
        if max(map(len, lines)) > MAX_LINE_BYTES:
            raise InputError(f"a record of over {MAX_LINE_BYTES} bytes for {self._path}", hint="say less")
        whole = b"".join(lines)
        os.lseek(file.fileno(), 0, os.SEEK_END)
        try:
            _write_whole(file.fileno(), whole)
            os.fsync(file.fileno())
        except OSError:
            # What does not count must not stay: a full disk may take half a line, or a whole one unsynced.
            os.ftruncate(file.fileno(), self._size)
            raise
        for record, line in zip(records, lines, strict=True):
            self._take(record, len(line))

    def _sign(self, signer: Signer, head: Head) -> str:
        return to_text(sign(signer.key, self._domain, head.to_bytes()))


def _write_whole(descriptor: int, lines: bytes) -> None:
    if os.write(descriptor, lines) != len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_lines(file: BinaryIO, *, where: str, first: int = 0) -> Iterator[bytes]:
    """Yield lines with their ends; InputError names one that is too long to be a record.

    first: how many lines came before.
    """
    number = first
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise InputError(f"{where} line {number} is longer than {MAX_LINE_BYTES} bytes", hint=_RESTORE)
        yield line


def _whole_lines(file: BinaryIO, *, where: str, first: int = 0) -> Iterator[bytes]:
    """Yield lines as `read_lines` does, but a last one without its end."""
    return (line for line in read_lines(file, where=where, first=first) if line.endswith(b"\n"))


def _parsed(line: bytes, path: Path, number: int) -> dict[str, Any]:
    record = parse_line(line)
    if record is None:
        raise InputError(f"{path} line {number + 1} is not a ledger record", hint=_RESTORE)
    return record
