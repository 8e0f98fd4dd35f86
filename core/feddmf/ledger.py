"""The egress ledger's hash chain: each record carries the hash of the one before it.

A record's hash is SHA-256 over the canonical JSON of the record without its own `hash` field, so any
edit, deletion, insertion or reordering breaks the chain. A cut tail does not: the other side's copy of
the head shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from feddmf.errors import InputError

__all__ = ["GENESIS", "chain", "record_hash", "verify"]

GENESIS = "0" * 64


def record_hash(record: Mapping[str, Any]) -> str:
    """Return the hash of a record (its `hash` field, if any, left out), in hex."""
    content = {name: value for name, value in record.items() if name != "hash"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def chain(content: Mapping[str, Any], *, number: int, previous: str) -> dict[str, Any]:
    """Return `content` as record `number` behind the record whose hash is `previous`."""
    record = {**content, "number": number, "previous": previous}
    return {**record, "hash": record_hash(record)}


def verify(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the head's hash; InputError names the first record that does not fit."""
    previous = GENESIS
    for number, record in enumerate(records):
        if record.get("number") != number or record.get("previous") != previous:
            raise InputError(
                f"ledger record {number} does not follow the one before it",
                hint="records were deleted, inserted or reordered; restore the ledger from a backup",
            )
        if record.get("hash") != record_hash(record):
            raise InputError(
                f"ledger record {number} was changed after it was written",
                hint="restore the ledger from a backup",
            )
        previous = str(record["hash"])
    return previous
