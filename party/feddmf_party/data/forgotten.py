"""Users whom a party has forgotten: digests of their ids, by which every later load leaves them out."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.files import read_bytes, write_text
from feddmf_party.data.party_table import PartyTable

__all__ = ["Forgotten", "load_forgotten", "save_forgotten", "without_forgotten"]

_PRIVATE = 0o600
_SALT_BYTES = 32
_DIGEST_BYTES = 16
_HINT = "restore it from a backup: without it users who were forgotten come back with the next run"


@dataclass(frozen=True)
class Forgotten:
    """Who is forgotten, and by which runs' models they had been learned from.

    salt: of this folder alone, so that lists of two folders cannot be held against each other; runs: by
    digest. Whoever has the file can still try out an id that he knows.
    """

    salt: bytes = field(default_factory=lambda: secrets.token_bytes(_SALT_BYTES), repr=False)
    runs: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        """Return how many users are forgotten."""
        return len(self.runs)

    def digest(self, user: str) -> str:
        """Return what stands for a user id in the list: a keyed BLAKE2b (RFC 7693), in hex."""
        return hashlib.blake2b(user.encode(), key=self.salt, digest_size=_DIGEST_BYTES).hexdigest()

    def knows(self, user: str) -> bool:
        """Whether the user is forgotten."""
        return self.digest(user) in self.runs

    def among(self, users: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which of `users` are forgotten, bool [users]."""
        if not self.runs:
            return np.zeros(len(users), dtype=np.bool_)
        return np.fromiter((self.digest(user) in self.runs for user in users), np.bool_, len(users))

    def with_users(self, users: Iterable[str], runs: Mapping[str, Collection[str]]) -> Forgotten:
        """Return the list with `users` too; runs: by user, whose models they are in."""
        found = dict(self.runs)
        for user in users:
            digest = self.digest(user)
            found[digest] = found.get(digest, frozenset()) | frozenset(runs.get(user, ()))
        return replace(self, runs=MappingProxyType(found))

    @property
    def trained(self) -> frozenset[str]:
        """The runs that learned from somebody who is forgotten."""
        return frozenset().union(*self.runs.values())

    @property
    def state(self) -> str:
        """What a table that was read under this list depends on; empty where nobody is forgotten."""
        listed = "".join(sorted(self.runs))
        return hashlib.sha256(listed.encode()).hexdigest() if listed else ""


def load_forgotten(path: Path) -> Forgotten:
    """Read the list; without one nobody is forgotten. InputError where it is no such list."""
    if not path.exists():
        return Forgotten()
    try:
        said = json.loads(read_bytes(path, what="the forgotten users", hint=_HINT))
        runs = {str(digest): frozenset(map(str, of)) for digest, of in said["users"].items()}
        salt = bytes.fromhex(said["salt"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a list of forgotten users", hint=_HINT) from error
    if len(salt) != _SALT_BYTES or any(len(digest) != 2 * _DIGEST_BYTES for digest in runs):
        raise InputError(f"{path} is not a list of forgotten users", hint=_HINT)
    return Forgotten(salt, MappingProxyType(runs))


def save_forgotten(path: Path, forgotten: Forgotten) -> None:
    """Write the list, whole or not at all."""
    users = {digest: sorted(forgotten.runs[digest]) for digest in sorted(forgotten.runs)}
    said = {"salt": forgotten.salt.hex(), "users": users}
    write_text(path, json.dumps(said, indent=1) + "\n", mode=_PRIVATE)


def without_forgotten(table: PartyTable, forgotten: Forgotten) -> PartyTable:
    """Return `table` without the users who are forgotten; itself where none of them is in it."""
    gone = forgotten.among(table.user_ids)
    if not gone.any():
        return table
    kept = np.flatnonzero(~gone)
    attributes = table.attributes
    return replace(
        table,
        interactions=table.interactions.of_users(kept),
        user_ids=tuple(table.user_ids[code] for code in kept),
        attributes=None if attributes is None else replace(attributes, known=attributes.known[kept]),
        users_forgotten=int(gone.sum()),
    )
