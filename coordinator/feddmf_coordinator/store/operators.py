"""Operators and what they did: tokens as digests, and a log whose records carry the hash of the one before.

The log is written in the transaction of the change that it tells of: there is neither without the other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, func, select, update

from feddmf.errors import InputError
from feddmf.ledger import GENESIS, chain, verify
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Operator",
    "add_operator",
    "find_operator",
    "list_operators",
    "note",
    "read_log",
    "remove_operator",
    "verify_log",
]

operators = Table(
    "operators",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", String(32), nullable=False, index=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("added_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
)
log = Table(
    "operator_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),  # JSON, as `feddmf.ledger` chains it
    Column("hash", String(64), nullable=False),
)


@dataclass(frozen=True)
class Operator:
    """A person or a service that may change the federation."""

    name: str
    added_at: datetime


def add_operator(connection: Connection, name: str, token: str, *, now: datetime) -> None:
    """Add an operator with a token; InputError where the name is taken."""
    if any(each.name == name for each in list_operators(connection)):
        raise InputError(
            f"{name} is an operator already",
            hint="take another name, or remove it first: feddmf coordinator operators remove",
        )
    connection.execute(
        operators.insert().values(name=name, token_sha256=_digest(token), added_at=to_seconds(now))
    )


def find_operator(connection: Connection, token: str) -> str | None:
    """Return the name of the operator with `token`; every candidate is compared in constant time."""
    digest, found = _digest(token), None
    for row in connection.execute(select(operators).where(operators.c.removed_at.is_(None))):
        if hmac.compare_digest(row.token_sha256, digest):
            found = str(row.name)
    return found


def list_operators(connection: Connection) -> tuple[Operator, ...]:
    """Return the operators, in order of name."""
    rows = connection.execute(
        select(operators).where(operators.c.removed_at.is_(None)).order_by(operators.c.name)
    )
    return tuple(Operator(row.name, from_seconds(row.added_at)) for row in rows)


def remove_operator(connection: Connection, name: str, *, now: datetime) -> None:
    """Take an operator's token out of use; InputError where there is none of that name."""
    removed = connection.execute(
        update(operators)
        .where(operators.c.name == name, operators.c.removed_at.is_(None))
        .values(removed_at=to_seconds(now))
    ).rowcount
    if not removed:
        raise InputError(
            f"there is no operator {name!r}", hint="see `feddmf coordinator operators list` for who is"
        )


def note(connection: Connection, name: str, action: str, what: Mapping[str, Any], *, now: datetime) -> None:
    """Write that the operator `name` did `action`; within the transaction that does it."""
    last = connection.execute(select(log).order_by(log.c.number.desc()).limit(1)).one_or_none()
    content = {
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "operator": name,
        "action": action,
        "what": dict(what),
    }
    number, previous = (0, GENESIS) if last is None else (last.number + 1, last.hash)
    record = chain(content, number=number, previous=previous)
    connection.execute(
        log.insert().values(number=number, record=json.dumps(record, sort_keys=True), hash=record["hash"])
    )


def read_log(connection: Connection) -> tuple[dict[str, Any], ...]:
    """Return every record, oldest first."""
    rows = connection.scalars(select(log.c.record).order_by(log.c.number))
    return tuple(json.loads(record) for record in rows)


def verify_log(connection: Connection) -> str:
    """Return the hash of the last record; InputError names the first that was changed or is missing."""
    try:
        head = verify(read_log(connection))
    except ValueError as error:
        raise InputError(
            "a record of the operator log cannot be read", hint="restore the database from a backup"
        ) from error
    except InputError as error:
        raise InputError(
            f"operator log: {error.message}", hint="restore the database from a backup"
        ) from error
    last = connection.scalar(select(func.max(log.c.number)))
    kept = connection.scalar(select(log.c.hash).where(log.c.number == last)) or GENESIS
    if kept != head:
        raise InputError(
            "operator log: the last record was changed", hint="restore the database from a backup"
        )
    return head


def _digest(token: str) -> str:
    return hashlib.sha256(token.strip().encode()).hexdigest()
