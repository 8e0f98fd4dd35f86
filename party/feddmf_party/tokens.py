"""Tokens of the query API: a name, a role, an end; the folder keeps the SHA-256 of each and nothing else."""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from feddmf.config import Settings
from feddmf.errors import InputError
from feddmf.files import read_bytes, write_bytes
from feddmf.locks import only_one

__all__ = ["LONGEST_DAYS", "Holder", "Role", "Token", "TokenFile"]

LONGEST_DAYS = 3_660
"""No token lives longer."""

_PREFIX = "feddmf_"
_BYTES = 32
# As long as a token that a person could have; more is not even hashed.
_LONGEST = 128
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PRIVATE = 0o600
_MEND = "restore it from a backup, or remove it and add the tokens again"


class Role(enum.StrEnum):
    """What the holder of a token is."""

    ENGINEER = "engineer"
    ANALYST = "analyst"
    AUDITOR = "auditor"


class Holder(Settings):
    """Who a token stands for."""

    name: str
    role: Role


class Token(Settings):
    """What is kept of one token: never the token."""

    name: str
    role: Role
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: AwareDatetime
    expires: AwareDatetime
    revoked: AwareDatetime | None = None

    def lives(self, now: datetime) -> bool:
        """Tell whether it opens anything at `now`."""
        return self.revoked is None and now < self.expires

    def state(self, now: datetime) -> str:
        """Return `valid`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if self.lives(now) else "expired"


_TOKENS = TypeAdapter(tuple[Token, ...])


class TokenFile:
    """The tokens of one party; each change is a whole new file, so that a running server sees it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[Token, ...]:
        """Return all tokens by name; InputError where the file is damaged."""
        if not self._path.exists():
            return ()
        content = read_bytes(self._path, what="the tokens", hint=_MEND)
        try:
            return _TOKENS.validate_json(content)
        except ValidationError as error:
            raise InputError(f"{self._path} does not list tokens", hint=_MEND) from error

    def add(self, name: str, role: Role, *, days: int) -> tuple[str, Token]:
        """Make a token; return it, to be shown this once, and what is kept of it.

        InputError where the name is taken by a token that lives; one that expired or was revoked is replaced.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot be the name of a token",
                hint="take up to 64 lower-case letters, digits, dots, hyphens and underscores",
            )
        now = datetime.now(UTC).replace(microsecond=0)
        with self._changing():
            others = [each for each in self.all() if each.name != name]
            if any(each.name == name and each.lives(now) for each in self.all()):
                raise InputError(
                    f"there is a token for {name} already",
                    hint=f"revoke it first (feddmf token revoke {name}), or take another name",
                )
            secret = _PREFIX + secrets.token_urlsafe(_BYTES)
            made = Token(
                name=name, role=role, sha256=_digest(secret), created=now, expires=now + timedelta(days=days)
            )
            self._write([*others, made])
        return secret, made

    def revoke(self, name: str) -> Token:
        """Close a token from the next request on; InputError where no living token has that name."""
        now = datetime.now(UTC).replace(microsecond=0)
        with self._changing():
            tokens = {each.name: each for each in self.all()}
            found = tokens.get(name)
            if found is None or not found.lives(now):
                known = ", ".join(each.name for each in tokens.values() if each.lives(now)) or "none"
                raise InputError(f"no valid token is named {name!r}", hint=f"valid tokens: {known}")
            tokens[name] = found.model_copy(update={"revoked": now})
            self._write(list(tokens.values()))
        return tokens[name]

    def holder(self, presented: str, *, now: datetime | None = None) -> Holder | None:
        """Return whose token is presented, None for nobody's.

        All digests are compared, each in constant time, whatever is presented.
        """
        digest = _digest(presented[:_LONGEST])
        found = [each for each in self.all() if hmac.compare_digest(each.sha256, digest)]
        living = [each for each in found if each.lives(now or datetime.now(UTC))]
        return Holder(name=living[0].name, role=living[0].role) if living else None

    def _changing(self) -> AbstractContextManager[None]:
        return only_one(self._path.with_suffix(".lock"), doing="changing the tokens in")

    def _write(self, tokens: Sequence[Token]) -> None:
        listed = _TOKENS.dump_python(tuple(sorted(tokens, key=lambda each: each.name)), mode="json")
        write_bytes(self._path, (json.dumps(listed, indent=1) + "\n").encode(), mode=_PRIVATE)


def _digest(secret: str) -> str:
    # Of 256 random bits: there is nothing to guess that a slow hash or a salt would make slower.
    return hashlib.sha256(secret.encode("utf-8", errors="backslashreplace")).hexdigest()
