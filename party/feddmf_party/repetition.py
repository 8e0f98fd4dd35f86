"""The party's own rule on protocols of sums: no two runs of one seed may be held against each other.

With one seed such a protocol starts alike, so what a party contributes depends on its own tables and on who
takes part. The difference of two runs then shows what has changed in between: a party that joined or left
(its whole contribution, masked or not), items that it no longer sells, or the one customer who is new.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from feddmf.errors import InputError, PolicyError
from feddmf.files import read_bytes, write_bytes
from feddmf.interactions import Interactions
from feddmf.payload import ReleaseKind
from feddmf.plan import Plan
from feddmf.runfile import MASKABLE

__all__ = ["check_not_repeated", "conditions_of", "hidden"]

_KEY_BYTES = 32
_KEY_HINT = "restore it from a backup, or remove it: then no seed of an earlier run can be used again"
# What changes nothing of what a party contributes.
_WITHOUT_EFFECT = {"name", "purpose", "parties", "masks", "waits", "enforcement"}


def conditions_of(plan: Plan, data: Interactions) -> str:
    """Return the SHA-256, in hex, of all that a party's contributions depend on; it stays here.

    Who is there in each round of a run with a quorum is a matter of the moment, so it is like no other run.
    """
    settings = plan.settings.model_dump(mode="json", exclude=_WITHOUT_EFFECT)
    on = [plan.roster, plan.catalogue, settings, *([plan.run] if plan.settings.waits.quorum else [])]
    digest = hashlib.sha256(json.dumps(on, sort_keys=True).encode())
    for array in (data.indptr, data.indices, data.values):
        digest.update(array.tobytes())
    return digest.hexdigest()


def hidden(conditions: str, key_file: Path) -> str:
    """Return the HMAC-SHA-256, in hex, of `conditions` under the key in `key_file`, made where none is.

    Ledgers are shown to others, who could try tables against a plain digest until one fits. InputError where
    the file holds no key.
    """
    if not key_file.exists():
        write_bytes(key_file, secrets.token_bytes(_KEY_BYTES), mode=0o600)
    key = read_bytes(key_file, what="the ledger's key", hint=_KEY_HINT)
    if len(key) != _KEY_BYTES:
        raise InputError(f"{key_file} has {len(key)} bytes, a key has {_KEY_BYTES}", hint=_KEY_HINT)
    return hmac.new(key, conditions.encode(), hashlib.sha256).hexdigest()


def check_not_repeated(plan: Plan, conditions: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Raise PolicyError where `records` hold releases to a run of this protocol and seed, under others.

    conditions: as `hidden` returns them. Where they are the same the contributions are the same too, and show
    nothing new.
    """
    settings = plan.settings
    if settings.protocol not in MASKABLE:
        return
    for run, (protocol, seed, before) in _contributed(records):
        if (protocol, seed) == (settings.protocol, settings.seed) and before != conditions:
            raise PolicyError(
                f"run {plan.run} has the protocol and seed of run {run}, to which this party contributed "
                "with other parties, catalogue, settings or tables: the difference would show what has "
                "changed, down to a single customer; it takes another seed",
                hint="ask the operator to submit it with another seed",
            )


def _contributed(records: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, tuple[str, int, str]]]:
    """Yield run, protocol, seed and conditions of each release; joins of older versions say no conditions."""
    joined: dict[str, tuple[str, int, str]] = {}
    for record in records:
        run = str(record.get("run"))
        if record.get("event") == "join" and {"protocol", "seed", "conditions"} <= set(record):
            joined[run] = (record["protocol"], record["seed"], record["conditions"])
        elif record.get("event") == "release" and run in joined and not _is_key(record):
            yield run, joined[run]


def _is_key(record: Mapping[str, Any]) -> bool:
    """Tell whether a release was a public key alone, which says nothing of any table."""
    return all(array["kind"] == ReleaseKind.PUBLIC_KEY for array in record["arrays"])
