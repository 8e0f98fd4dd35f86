"""The ledgers' hash chain: each record carries the hash of the one before it.

A record's hash is SHA-256 over the canonical JSON of the record without its own `hash` and `signature`, so
any edit, deletion, insertion or reordering breaks the chain. A signature over how many records there are and
the last one's hash (`feddmf.signing`) keeps whoever lacks the key from hashing it all anew. A cut tail breaks
nothing: what others keep of the head shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from feddmf.errors import InputError

__all__ = [
    "GENESIS",
    "KEY_EVENT",
    "MAX_LENGTH",
    "MAX_LINE_BYTES",
    "MENDED_EVENT",
    "PUBLISHING",
    "RESET_EVENT",
    "RESTORED_EVENT",
    "Head",
    "chain",
    "encode_line",
    "follow",
    "items_digest",
    "parse_line",
    "record_hash",
    "verify",
]

GENESIS = "0" * 64
# A record that names the certificate whose key signs from there on, itself included.
KEY_EVENT = "key"
# A record that says how many bytes of a torn last line were set aside in front of it.
MENDED_EVENT = "mended"
# A record, in the ledgers of both sides, that says from a backup of which time they go on.
RESTORED_EVENT = "restored"
# A record of the coordinator's: from there on a party may tell a ledger that is shorter, or another.
RESET_EVENT = "reset"
# The phase, in the ledgers of both sides, of what is published after a run.
PUBLISHING = "publish"
MAX_LINE_BYTES = 1 << 20
# Far beyond any ledger, and within what every format holds.
MAX_LENGTH = 1 << 40
_NOT_HASHED = ("hash", "signature")
_RESTORE = "restore the file from a backup"
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_LINE = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many records it has, and the hash of the last one, in hex."""

    length: int = 0
    hash: str = GENESIS

    def to_bytes(self) -> bytes:
        """Return what is signed of it: the length, 8 bytes big-endian, and the hash."""
        return self.length.to_bytes(8, "big") + bytes.fromhex(self.hash)


def record_hash(record: Mapping[str, Any]) -> str:
    """Return the hash of a record (its `hash` and `signature`, if any, left out), in hex."""
    content = {name: value for name, value in record.items() if name not in _NOT_HASHED}
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


def chain(content: Mapping[str, Any], *, number: int, previous: str) -> dict[str, Any]:
    """Return `content` as record `number` behind the record whose hash is `previous`."""
    record = {**content, "number": number, "previous": previous}
    return {**record, "hash": record_hash(record)}


def follow(head: Head, record: Mapping[str, Any]) -> Head:
    """Return the head once `record` stands behind `head`; InputError says why it cannot."""
    number, previous = record.get("number"), record.get("previous")
    if type(number) is not int or number != head.length or previous != head.hash:
        raise InputError(
            f"record {head.length} does not follow the one before it: {_misplaced(head, number)}",
            hint=f"records were deleted, inserted or reordered; {_RESTORE}",
        )
    if record.get("hash") != record_hash(record):
        raise InputError(f"record {head.length} was changed after it was written", hint=_RESTORE)
    return Head(head.length + 1, str(record["hash"]))


def verify(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the head's hash; InputError names the first record that does not fit."""
    head = Head()
    for record in records:
        head = follow(head, record)
    return head.hash


def encode_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as it stands in a file: one line of JSON."""
    return _LINE.encode(record).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line exactly as it was written; None for anything else, a cut line too."""
    try:
        record = json.loads(line, parse_constant=_refuse)
        whole = isinstance(record, dict) and encode_line(record) == line
    except (ValueError, RecursionError):
        return None
    return record if whole else None


def items_digest(items: Sequence[str]) -> str:
    """Return the SHA-256, in hex, over the item keys behind the rows of a release."""
    return hashlib.sha256(json.dumps(list(items), separators=(",", ":")).encode()).hexdigest()


def _misplaced(head: Head, number: object) -> str:
    if type(number) is not int:
        return "it has no number"
    if number > head.length:
        gone = f"record {head.length}" if number == head.length + 1 else f"{head.length} to {number - 1}"
        return f"record {number} stands in its place, {gone} deleted or moved"
    if number < head.length:
        return f"record {number} stands in its place, inserted, repeated or moved"
    return "it was written behind another one, which is not there any more"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
