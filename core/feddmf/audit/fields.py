"""Fields of records that others wrote: read with a clear error, whatever stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feddmf.errors import InputError
from feddmf.ledger import GENESIS, MAX_LENGTH, Head
from feddmf.signing import LATEST_MS, Countersigned, from_text

__all__ = ["bytes_in", "countersigned_in", "is_hash"]

_RESTORE = "restore the file from a backup"


def bytes_in(record: Mapping[str, Any], name: str) -> bytes:
    """Return the bytes that a record holds as base64; InputError where it does not."""
    try:
        return from_text(record.get(name))
    except ValueError as error:
        raise InputError(f"record {record['number']} has no readable {name}", hint=_RESTORE) from error


def countersigned_in(record: Mapping[str, Any], federation: str, party: str) -> Countersigned:
    """Return what a record says was countersigned; InputError where it does not."""
    length, digest, at_ms = record.get("length"), record.get("head"), record.get("at_ms")
    if isinstance(length, int) and isinstance(at_ms, int) and is_hash(digest):
        said = Countersigned(federation, party, Head(int(length), str(digest)), int(at_ms))
        if 0 < length <= MAX_LENGTH and 0 <= at_ms < LATEST_MS:
            return said
    raise InputError(f"record {record['number']} does not say which head was told when", hint=_RESTORE)


def is_hash(value: object) -> bool:
    """Tell whether a value is a SHA-256 in lower-case hex."""
    return isinstance(value, str) and len(value) == len(GENESIS) and set(value) <= set("0123456789abcdef")
