"""Who is at the operator's shell: a token says it, and the log keeps what was done with it.

The operator's commands work on the coordinator's folder and database, so whoever may write there needs no
token to do harm; the token says which of those people it was. No party's certificate opens any of this.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from feddmf.errors import InputError, Refused
from feddmf.files import read_text, write_text
from feddmf.identity import check_party
from feddmf_coordinator.authority import Authority, read_passphrase
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store import operators as store
from feddmf_coordinator.store.database import Database

__all__ = [
    "FIRST_OPERATOR",
    "RESTORE",
    "SCHEDULES",
    "TOKEN_VARIABLE",
    "UPGRADE",
    "Act",
    "acting",
    "add_first_operator",
    "add_operator",
    "identify",
    "operating",
    "remove_operator",
]

TOKEN_VARIABLE = "FEDDMF_OPERATOR_TOKEN"  # noqa: S105  (a name, no token)
FIRST_OPERATOR = "operator"
# Who opened the root's key instead of showing a token.
_ROOT = "root"
SCHEDULES = "schedules"
"""Whom the log names for runs that nobody submitted by hand."""
RESTORE, UPGRADE = "restore", "upgrade"
"""Whom the log names for a restored database, and for one that somebody without a token upgraded."""
# The last of them signs renewals.
_RESERVED = (_ROOT, SCHEDULES, RESTORE, UPGRADE, "renewals")
_ADD = "ask an operator for a token of your own, or, with the passphrase of the root's key, run: "
_ADD += "feddmf coordinator operators add NAME"


@dataclass(frozen=True)
class Act:
    """Something that an operator does: in one transaction, with what the log will say of it."""

    operator: str
    connection: Connection
    what: dict[str, Any] = field(default_factory=dict)


@contextmanager
def operating(
    folder: CoordinatorFolder, action: str, *, now: datetime | None = None, **what: Any
) -> Iterator[Act]:
    """Yield a transaction of the operator at the shell, which is logged as `action` when it is committed.

    Raises Refused where there is no token, or it is nobody's: nothing is done then.
    """
    with (
        Database.open(folder.database_url(folder.load())) as database,
        acting(database, action, lambda connection: identify(connection, folder), now=now, **what) as act,
    ):
        yield act


@contextmanager
def acting(
    database: Database,
    action: str,
    who: Callable[[Connection], str],
    *,
    now: datetime | None = None,
    **what: Any,
) -> Iterator[Act]:
    """Yield a transaction of the operator whom `who` names, logged as `action` when it is committed.

    Nothing is done where `who` or the block raises.
    """
    with database.begin() as connection:
        act = Act(who(connection), connection, dict(what))
        yield act
        store.note(connection, act.operator, action, act.what, now=now or datetime.now(UTC))


def add_first_operator(
    folder: CoordinatorFolder, connection: Connection, federation: str, *, now: datetime
) -> None:
    """Make the first operator of a new federation; its token lies in the folder, readable by its owner."""
    token = _make_token()
    store.add_operator(connection, FIRST_OPERATOR, token, now=now)
    store.note(connection, FIRST_OPERATOR, "init", {"federation": federation}, now=now)
    write_text(folder.operator_token, token + "\n", mode=0o600)


def add_operator(
    folder: CoordinatorFolder,
    name: str,
    file: Path,
    *,
    passphrase_file: Path | None = None,
    now: datetime | None = None,
) -> None:
    """Add an operator, whose token is written to `file`, its owner's alone.

    An operator may, and so may who opens the root's key: so a lost token is replaced. Raises Refused for
    anybody else, InputError where name or file is taken.
    """
    now = now or datetime.now(UTC)
    if check_party(name) in _RESERVED:
        raise InputError(f"{name} is no name for an operator", hint="take another one")
    if os.path.lexists(file):
        raise InputError(f"{file} is there already", hint="name another file with --token-file")
    token = _make_token()
    with (
        Database.open(folder.database_url(folder.load())) as database,
        database.begin() as connection,
    ):
        try:
            by = identify(connection, folder)
        except Refused:
            Authority.load(folder, read_passphrase(folder, passphrase_file))
            by = _ROOT
        store.add_operator(connection, name, token, now=now)
        store.note(connection, by, "operators add", {"name": name}, now=now)
        # Within the transaction: without its file a token is nobody's.
        write_text(file, token + "\n", mode=0o600)


def remove_operator(folder: CoordinatorFolder, name: str, *, now: datetime | None = None) -> None:
    """Take an operator's token out of use; InputError where it is the only one, or none."""
    now = now or datetime.now(UTC)
    with operating(folder, "operators remove", now=now, name=name) as act:
        if [each.name for each in store.list_operators(act.connection)] == [name]:
            raise InputError(f"{name} is the only operator", hint="add another one first")
        store.remove_operator(act.connection, name, now=now)


def identify(connection: Connection, folder: CoordinatorFolder) -> str:
    """Return the name of the operator at the shell; Refused where there is no token, or it is nobody's."""
    given = os.environ.get(TOKEN_VARIABLE)
    where, token = (TOKEN_VARIABLE, given) if given else _read_token(folder.operator_token)
    name = store.find_operator(connection, token)
    if name is None:
        raise Refused(f"the operator token in {where} is nobody's, or was removed", hint=_ADD)
    return name


def _read_token(path: Path) -> tuple[str, str]:
    try:
        token = read_text(path, what="the operator's token", hint="")
        mode = stat.S_IMODE(path.stat().st_mode)
    except (InputError, OSError) as error:
        raise Refused(
            f"this command needs an operator's token, in {TOKEN_VARIABLE} or in {path}", hint=_ADD
        ) from error
    if mode & 0o077:
        raise Refused(f"{path} can be read by others than its owner", hint=f"run: chmod 600 {path}")
    return str(path), token


def _make_token() -> str:
    return "fdo_" + secrets.token_urlsafe(32)
