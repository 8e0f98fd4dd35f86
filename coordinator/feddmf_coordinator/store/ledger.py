"""The coordinator's own ledger: every head that a party told, with the digest of what came with it.

A file and not a table: each record is one line and one fsync while a round waits, it is signed by the
server's key, and whoever is shown a copy can check it as a party's. The database keeps from time to time how
long it was, so that an end that was cut off shows.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Column, Connection, Integer, String, Table, select

from feddmf.chain_file import ChainFile, SignedHead
from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate, decode_key
from feddmf.key_files import KeyFiles
from feddmf.ledger import KEY_EVENT, RESET_EVENT, RESTORED_EVENT, Head
from feddmf.signing import Countersigned, Domain, from_text, sign, to_text
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.certificates import certificates
from feddmf_coordinator.store.database import Database, metadata

__all__ = ["Countersignature", "Receipts", "kept_anchor", "party_certificates"]

# What is remembered of one party, for calls that come again.
_MOST_REMEMBERED = 256
# What tells one receipt under a head from another.
_ADDRESS = ("of", "run", "phase", "round", "sha256", "items")
_HINT = "restore the file from a backup; `feddmf coordinator init` made it"

anchors = Table(
    "ledger_anchor",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("length", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)


@dataclass(frozen=True)
class Countersignature:
    """The coordinator's word for a head, with the certificate, DER, whose key signed."""

    said: Countersigned
    signature: bytes
    certificate_der: bytes


@dataclass(frozen=True)
class _Answer:
    """What a receipt says of a countersignature, as the file has it."""

    at_ms: int
    signature: str
    certificate: str


class _Known:
    """What is remembered of one party: its certificate, the longest head, and the last heads and answers."""

    def __init__(self) -> None:
        self.certificate = ""
        self.last = Head()
        self.heads: OrderedDict[int, str] = OrderedDict()
        self.answers: OrderedDict[tuple[object, ...], _Answer] = OrderedDict()
        # Held while a receipt is written: a certificate and what it signed stand together in the file.
        self.turn = threading.Lock()

    def add(self, head: Head) -> None:
        """Remember a head that was told."""
        self.heads[head.length] = head.hash
        if head.length > self.last.length:
            self.last = head
        while len(self.heads) > _MOST_REMEMBERED:
            self.heads.popitem(last=False)

    def answer(self, head: Head, what: Mapping[str, Any], answer: _Answer) -> None:
        """Remember what was answered."""
        self.answers[_address(head, what)] = answer
        while len(self.answers) > _MOST_REMEMBERED:
            self.answers.popitem(last=False)

    def forget(self) -> None:
        """Forget every head: whatever is told next is the beginning."""
        self.last = Head()
        self.heads.clear()
        self.answers.clear()


class Receipts:
    """Appends to the coordinator's ledger; `check` and `receive` may be called from several threads."""

    def __init__(self, folder: CoordinatorFolder, federation: str) -> None:
        """Open the ledger of a folder; InputError names the first record that does not fit."""
        self._federation = federation
        self._signer = KeyFiles(folder.server_certificate, (folder.server_key,), lambda: _server_pair(folder))
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._anchored = 0
        # Of the key that signs, by the file's last record of one.
        self._certificate = ""
        self._file = ChainFile(folder.ledger, Domain.RECEIPTS, self._signer, self._remember)

    def __len__(self) -> int:
        return len(self._file)

    def told(self) -> dict[str, int]:
        """Return the length of the longest ledger that each party has told."""
        with self._lock:
            return {party: known.last.length for party, known in self._known.items() if known.last.length}

    def check(self, party: str, head: Head) -> None:
        """Take in that `party` says its ledger ends in `head`; InputError where it was longer, or another.

        A head that was told before may be told again.
        """
        if self._take(party, head) is None:
            return
        # Another process may have let the party begin anew meanwhile.
        self._file.refresh()
        last = self._take(party, head)
        if last is not None:
            before = "another one" if head.length == last.length else "longer"
            raise InputError(
                f"{party} tells a ledger of {head.length} records, and told one of {last.length} before: it "
                f"was {before}",
                hint="its ledger was cut, written anew, or restored from a backup; hold both sides against "
                "each other: feddmf audit compare; where it is lost, the operator lets the party go on: "
                f"feddmf coordinator ledger reset {party} --reason WHY",
            )

    def receive(
        self, party: str, certificate: x509.Certificate, told: SignedHead, what: Mapping[str, Any]
    ) -> Countersignature:
        """Record a head and `what` came with it, if anything; return the countersignature once that is safe.

        certificate: whose key signed the head. What was received before is not recorded again.
        """
        named = to_text(certificate.public_bytes(Encoding.DER))
        with self._lock:
            known = self._known.setdefault(party, _Known())
        # Beside the lock of all: a disk may be slow, and who is checked meanwhile must not wait for it.
        with known.turn:
            before = known.answers.get(_address(told.head, what))
            if before is not None:
                said = Countersigned(self._federation, party, told.head, before.at_ms)
                return Countersignature(said, from_text(before.signature), from_text(before.certificate))
            new = [] if known.certificate == named else [_party_record(party, named)]
            answer, record = self._countersign(party, told, what)
            self._file.append(record, *new)
            return answer

    def reset(self, party: str, *, reason: str, operator: str) -> Head:
        """Let `party` go on from whatever ledger it tells next; return the longest that it told before.

        Raises InputError where it has told none.
        """
        with self._lock:
            last = self._known.setdefault(party, _Known()).last
        if not last.length:
            raise InputError(
                f"{party} has told no ledger yet, or none since it was let go on",
                hint="nothing keeps it from telling one",
            )
        told = {"length": last.length, "head": last.hash}
        self._file.append(
            {"event": RESET_EVENT, "party": party, "operator": operator, "reason": reason, **told}
        )
        return last

    def note_restored(self, made_at: datetime) -> None:
        """Record that the coordinator goes on from a backup of that time."""
        self._file.append({"event": RESTORED_EVENT, "backup_made_at": made_at.isoformat()})

    def anchor(self, database: Database) -> None:
        """Keep in the database how long the ledger is, where it has grown."""
        head = self._file.end
        if head.length == self._anchored:
            return
        with database.begin() as connection:
            connection.execute(anchors.delete())
            connection.execute(anchors.insert().values(number=0, length=head.length, hash=head.hash))
        self._anchored = head.length

    def _take(self, party: str, head: Head) -> Head | None:
        """Take in a head that goes on where the party's ledger ended; return that end where it does not."""
        with self._lock:
            known = self._known.setdefault(party, _Known())
            if known.heads.get(head.length) == head.hash:
                return None
            if head.length <= known.last.length:
                return known.last
            known.add(head)
            return None

    def _countersign(
        self, party: str, told: SignedHead, what: Mapping[str, Any]
    ) -> tuple[Countersignature, dict[str, Any]]:
        signer = self._signer()
        if signer is None:
            raise InputError("the server has no certificate", hint=_HINT)
        said = Countersigned(self._federation, party, told.head, time.time_ns() // 1_000_000)
        signature = sign(signer.key, Domain.COUNTERSIGNATURE, said.to_bytes())
        record = {
            "event": "receipt",
            "party": party,
            **what,
            "length": told.head.length,
            "head": told.head.hash,
            "head_signature": to_text(told.signature),
            "at_ms": said.at_ms,
            "countersignature": to_text(signature),
        }
        return Countersignature(said, signature, signer.certificate_der), record

    def _remember(self, record: Mapping[str, Any]) -> None:
        """Take in a record that is on disk."""
        if record.get("event") == KEY_EVENT:
            self._certificate = str(record.get("certificate"))
            return
        with self._lock:
            known = self._known.setdefault(str(record.get("party")), _Known())
            if record.get("event") == "party":
                known.certificate = str(record.get("certificate"))
            elif record.get("event") == RESET_EVENT:
                known.forget()
            elif record.get("event") == "receipt":
                head = Head(int(record["length"]), str(record["head"]))
                known.add(head)
                told = _Answer(int(record["at_ms"]), str(record["countersignature"]), self._certificate)
                known.answer(head, record, told)


def _address(head: Head, what: Mapping[str, Any]) -> tuple[object, ...]:
    return (head, *(what.get(name) for name in _ADDRESS))


def party_certificates(connection: Connection, party: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of `party` that were not revoked, newest first."""
    query = (
        select(certificates.c.certificate_der)
        .where(certificates.c.party == party, certificates.c.status == "active")
        .order_by(certificates.c.not_before.desc())
    )
    return tuple(
        decode_certificate(bytes(der), what=f"a certificate of {party}") for der in connection.scalars(query)
    )


def kept_anchor(connection: Connection) -> Head:
    """Return the head that the ledger had when the database last kept it; an empty one before."""
    row = connection.execute(select(anchors)).one_or_none()
    return Head() if row is None else Head(row.length, row.hash)


def _party_record(party: str, certificate: str) -> dict[str, Any]:
    return {"event": "party", "party": party, "certificate": certificate}


def _server_pair(folder: CoordinatorFolder) -> tuple[Any, x509.Certificate]:
    certificate: Path = folder.server_certificate
    key = decode_key(
        read_bytes(folder.server_key, what="the server's key", hint=_HINT), what=str(folder.server_key)
    )
    pem = read_bytes(certificate, what="the server's certificate", hint=_HINT)
    return key, decode_certificate(pem, what=str(certificate))
