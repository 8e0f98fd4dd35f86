"""One signed chain, line by line: that records follow one another, and that each is signed.

A record of the event `key` names the certificate whose key signs from there on, itself included. What makes
it a party's key is the federation's root, which has signed the certificate: the same that the coordinator
checks on every call. An old key's word for a new one would add nothing, and fails where the old key was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from feddmf.audit.fields import bytes_in, is_hash
from feddmf.errors import InputError
from feddmf.identity import PeerName, certificate_fingerprint, key_fingerprint
from feddmf.ledger import KEY_EVENT, MENDED_EVENT, RESTORED_EVENT, Head, follow, parse_line
from feddmf.signing import Domain, Signatory, from_text, is_signed, signatory_of

__all__ = ["ChainAudit", "ChainKind", "Key", "audit_chain"]

_RESTORE = "restore the file from a backup"
_HIDDEN = {"number", "hash", "signature"}


@dataclass(frozen=True)
class ChainKind:
    """What a chain should be: for what its signatures are, whose it is, by which root.

    where: how messages name it; hides: whether records may be there by number, hash and signature alone.
    """

    domain: Domain
    owner: PeerName
    root: x509.Certificate
    where: str
    hides: bool = False


@dataclass(frozen=True)
class Key:
    """A key that signs from record `number` on."""

    number: int
    signatory: Signatory

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "from_record": self.number,
            "key_fingerprint": key_fingerprint(self.signatory.key),
            "certificate_fingerprint": certificate_fingerprint(self.signatory.certificate),
            "valid_until": self.signatory.certificate.not_valid_after_utc.isoformat(),
        }


@dataclass
class ChainAudit:
    """What was found of a chain as far as it holds.

    unsigned: how many records come before the first that is signed; hashes: of every record, in hex;
    mended: the records that say that a torn line was set aside in front of them; restored: those that say
    from a backup of when the chain goes on; problem: the first record that does not hold, behind which
    nothing was read.
    """

    head: Head = field(default_factory=Head)
    unsigned: int = 0
    keys: list[Key] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    restored: list[tuple[int, str]] = field(default_factory=list)
    problem: InputError | None = None

    def notices(self, where: str) -> list[str]:
        """Return what to know of the chain that `where` names, though it holds."""
        mended = [
            f"{where}: record {number} says that a torn line was set aside in front of it, which never "
            "counted: the machine stopped while it was written"
            for number in self.mended
        ]
        restored = [
            f"{where}: record {number} says that it goes on from a backup of {made_at}: what was recorded "
            "after that, if anything was, is lost"
            for number, made_at in self.restored
        ]
        return mended + restored

    def holds(self, head: Head) -> bool:
        """Tell whether the chain had this head when it was that long."""
        return 0 < head.length <= self.head.length and self.hashes[head.length - 1] == head.hash


Visit = Callable[[Mapping[str, Any], ChainAudit], None]


def audit_chain(lines: Iterable[bytes], kind: ChainKind, visit: Visit) -> ChainAudit:
    """Check a chain from its first line on; `visit` is told each record, and may raise InputError."""
    found = ChainAudit()
    try:
        for line in lines:
            record = _parsed(line, found.head.length + 1)
            _take(record, kind, found)
            if not (kind.hides and set(record) == _HIDDEN):
                visit(record, found)
    except InputError as error:
        found.problem = InputError(f"{kind.where}: {error.message}", hint=error.hint)
    return found


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    record = parse_line(line)
    if record is None:
        torn = (
            "it was cut off within: if the machine stopped while it was written, whoever keeps the file sets "
            f"the line aside with the next record; else {_RESTORE}"
        )
        cut = f"the file was cut or edited; {_RESTORE}"
        raise InputError(f"line {number} is not a ledger record", hint=cut if line.endswith(b"\n") else torn)
    return record


def _take(record: Mapping[str, Any], kind: ChainKind, found: ChainAudit) -> None:
    number = found.head.length
    if kind.hides and set(record) == _HIDDEN:
        head = _hidden_head(record, number)
    else:
        head = follow(found.head, record)
    key = found.keys[-1] if found.keys else None
    if record.get("event") == KEY_EVENT:
        der = bytes_in(record, "certificate")
        key = Key(number, signatory_of(der, kind.owner, kind.root, what=f"record {number}"))
    _check_signature(record, key, head, kind.domain, number)
    if record.get("event") == MENDED_EVENT:
        found.mended.append(number)
    if record.get("event") == RESTORED_EVENT:
        found.restored.append((number, str(record.get("backup_made_at"))))
    if key is None:
        found.unsigned += 1
    elif not found.keys or key is not found.keys[-1]:
        found.keys.append(key)
    found.head = head
    found.hashes.append(head.hash)


def _hidden_head(record: Mapping[str, Any], number: int) -> Head:
    """Return the head at a record of which number, hash and signature alone are shown."""
    shown = record["hash"]
    if type(record["number"]) is not int or record["number"] != number or not is_hash(shown):
        raise InputError(
            f"record {number} does not follow the one before it", hint=f"the file was edited; {_RESTORE}"
        )
    return Head(number + 1, str(shown))


def _check_signature(
    record: Mapping[str, Any], key: Key | None, head: Head, domain: Domain, number: int
) -> None:
    signature = record.get("signature")
    if key is None:
        if signature is not None:
            raise InputError(
                f"record {number} is signed, and no record before it names the key",
                hint=f"records were deleted or edited; {_RESTORE}",
            )
        return
    if signature is None:
        raise InputError(
            f"record {number} is not signed, though record {key.number} names the key that signs",
            hint=f"it was inserted, or its signature was removed; {_RESTORE}",
        )
    try:
        held = is_signed(key.signatory.key, domain, head.to_bytes(), from_text(signature))
    except ValueError:
        held = False
    if not held:
        raise InputError(
            f"record {number} is not signed by the key that record {key.number} names",
            hint=f"it was changed and hashed anew, or inserted, by somebody without the key; {_RESTORE}",
        )
