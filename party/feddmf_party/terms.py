"""Until when peers' publications of a run may be used, and what of them was taken back, as kept beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feddmf.errors import InputError
from feddmf.files import read_bytes, write_text

__all__ = ["NO_TERMS", "Terms", "Withdrawal", "keep_until", "keep_withdrawals", "load_terms", "moment"]

_PRIVATE = 0o600
_UNTIL, _WITHDRAWN = "until.json", "withdrawn.json"
_HINT = "the file was cut or changed; take part in a run again"
_NEW_RUN = "ask the operator for a new run"


@dataclass(frozen=True, order=True)
class Withdrawal:
    """What a party took back of what it had published in a run, and why; no keys: everything.

    at_ms: when, in milliseconds since 1970.
    """

    at_ms: int
    run: str
    party: str
    keys: tuple[str, ...]
    reason: str

    @property
    def why(self) -> str:
        """Who took it back, when, and the reason given, in one text."""
        said = f": {self.reason}" if self.reason else ""
        return f"withdrawn by {self.party} on {moment(self.at_ms):%Y-%m-%d}{said}"


@dataclass(frozen=True)
class Terms:
    """What binds a party in the use of peers' vectors of one run.

    until_ms: by peer, when its publication ends, in milliseconds since 1970; peers without an end are not in
    it. withdrawals: oldest first.
    """

    until_ms: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    withdrawals: tuple[Withdrawal, ...] = ()

    def ends(self, party: str) -> datetime | None:
        """Return when what `party` published ends; None where it does not."""
        until = self.until_ms.get(party)
        return None if until is None else moment(until)

    def first_end(self, parties: Iterable[str]) -> datetime | None:
        """Return when the first of `parties` ends what it published; None where none does."""
        return min((end for party in parties if (end := self.ends(party))), default=None)

    def ended(self, now: datetime) -> frozenset[str]:
        """Return the peers whose publications have ended."""
        return frozenset(party for party, until in self.until_ms.items() if moment(until) <= now)

    def withdrawal(self, party: str, key: str) -> Withdrawal | None:
        """Return the withdrawal by which `party` took `key` back; None where it did not."""
        by_key = self._by_party.get(party)
        return None if by_key is None else by_key.get(key) or by_key.get("")

    def why_not(self, party: str, key: str, now: datetime) -> str:
        """Return why an attribute of `party` may not be used, in words; empty where it may."""
        taken, ends = self.withdrawal(party, key), self.ends(party)
        if taken is not None:
            return taken.why
        return f"published by {party} until {ends:%Y-%m-%d}" if ends is not None and ends <= now else ""

    def refuse(self, run: str, party: str, key: str, now: datetime) -> None:
        """Raise InputError where an attribute of `party` may not be used."""
        why = self.why_not(party, key, now)
        if why:
            raise InputError(f"attribute {key!r} of run {run} cannot be asked for: {why}", hint=_NEW_RUN)

    @cached_property
    def _by_party(self) -> Mapping[str, Mapping[str, Withdrawal]]:
        """The first withdrawal of each key, by party; that of everything has an empty key."""
        found: dict[str, dict[str, Withdrawal]] = {}
        for each in self.withdrawals:
            for key in each.keys or ("",):
                found.setdefault(each.party, {}).setdefault(key, each)
        return found


NO_TERMS = Terms()
"""Nothing ends, and nothing was taken back."""


def load_terms(run: Path) -> Terms:
    """Return what is kept in a run's folder; InputError where that is no such thing."""
    until, withdrawn = _read(run / _UNTIL, {}), _read(run / _WITHDRAWN, [])
    try:
        ends = {str(party): int(each) for party, each in until.items() if int(each)}
        taken = tuple(
            sorted(
                Withdrawal(
                    at_ms=int(each["at_ms"]),
                    run=str(each["run"]),
                    party=str(each["party"]),
                    keys=tuple(map(str, each["keys"])),
                    reason=str(each["reason"]),
                )
                for each in withdrawn
            )
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{run} does not say until when its vectors may be used", hint=_HINT) from error
    return Terms(MappingProxyType(ends), taken)


def keep_until(run: Path, until_ms: Mapping[str, int]) -> None:
    """Keep in a run's folder when each peer's publication ends; 0 where it does not."""
    write_text(run / _UNTIL, json.dumps(dict(until_ms), indent=1) + "\n", mode=_PRIVATE)


def keep_withdrawals(run: Path, withdrawals: Iterable[Withdrawal]) -> None:
    """Keep in a run's folder what peers have taken back."""
    rows: Sequence[dict[str, Any]] = [asdict(each) for each in withdrawals]
    write_text(run / _WITHDRAWN, json.dumps(rows, indent=1, ensure_ascii=False) + "\n", mode=_PRIVATE)


def moment(at_ms: int) -> datetime:
    """Return a time that is written in milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC)


def _read(path: Path, without: Any) -> Any:
    if not path.exists():
        return without
    try:
        return json.loads(read_bytes(path, what="terms", hint=_HINT))
    except ValueError as error:
        raise InputError(f"cannot read terms {path}: {error}", hint=_HINT) from error
