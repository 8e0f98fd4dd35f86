"""Both sides' ledgers of a few releases, made by the product's own parts; ways to spoil them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from feddmf.chain_file import SignedHead
from feddmf.identity import decode_certificate
from feddmf.ledger import GENESIS, Head, chain, encode_line
from feddmf_coordinator.store.ledger import Receipts
from feddmf_party.countersignatures import Countersignatures
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from support.authority import EnrolledFederation, make_federation

__all__ = ["SPOILED", "BothSides", "both_sides", "rewritten"]

Lines = list[bytes]


def digest_of(text: str) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class BothSides:
    """An enrolled federation whose parties release, and are countersigned."""

    enrolled: EnrolledFederation

    def folder(self, party: str = "acme") -> PartyFolder:
        """Return a party's folder."""
        return PartyFolder(self.enrolled.parties[party])

    def record(self, number: int, party: str = "acme", **changes: Any) -> int:
        """Append a release to a party's ledger, and nothing else."""
        record = {
            "event": "release",
            "run": "small-1",
            "phase": "align",
            "round": number,
            "arrays": [{"name": "v", "kind": "item_vectors", "dtype": "float32", "shape": [3, 2]}],
            "items": digest_of("items"),
            "bytes": 24,
            "sha256": digest_of(f"{party} {number}"),
        }
        return LedgerFile(self.folder(party).ledger).append(record | changes)

    def tell(self, number: int, party: str = "acme", *, keep: bool = True, **changes: Any) -> None:
        """Let the coordinator receive a release under the party's head; the party keeps what comes back."""
        head = LedgerFile(self.folder(party).ledger).signed_head()
        receipts = Receipts(self.enrolled.folder, self.enrolled.settings.federation)
        receipts.check(party, head.head)
        what = {
            "of": "release",
            "run": "small-1",
            "phase": "align",
            "round": number,
            "kinds": ["item_vectors"],
            "bytes": 24,
            "sha256": digest_of(f"{party} {number}"),
        }
        answer = receipts.receive(party, self.certificate(party), head, what | changes)
        if keep:
            Countersignatures(self.folder(party).path).keep(
                head.head,
                at_ms=answer.said.at_ms,
                signature=answer.signature,
                certificate_der=answer.certificate_der,
            )
        with self.enrolled.open_database() as database:
            receipts.anchor(database)

    def release(self, number: int, party: str = "acme") -> None:
        """Record a release, and tell it."""
        self.record(number, party)
        self.tell(number, party)

    def head(self, party: str = "acme") -> SignedHead:
        """Return the end of a party's ledger."""
        return LedgerFile(self.folder(party).ledger).signed_head()

    def certificate(self, party: str = "acme") -> Any:
        """Return a party's certificate."""
        path = IdentityFiles(self.enrolled.parties[party]).certificate
        return decode_certificate(path.read_bytes(), what="")


def both_sides(path: Path, releases: int = 4) -> BothSides:
    """Make a federation in which acme and bolt release in turns."""
    made = BothSides(make_federation(path))
    for folder in made.enrolled.parties.values():
        PartyFolder(folder).create()
    for number in range(releases):
        made.release(number, "acme")
        made.release(number, "bolt")
    return made


def rewritten(lines: Lines, change: Callable[[int, dict[str, Any]], Mapping[str, Any] | None]) -> Lines:
    """Return lines chained anew after `change`, signatures as they were: what one without a key can do.

    change: returns a record to write in place of one, or None to leave it out.
    """
    head, made = Head(0, GENESIS), []
    for place, line in enumerate(lines):
        content = change(place, json.loads(line))
        if content is None:
            continue
        rest = {name: value for name, value in content.items() if name not in {"number", "previous", "hash"}}
        record = chain(
            {n: v for n, v in rest.items() if n != "signature"}, number=head.length, previous=head.hash
        )
        head = Head(head.length + 1, record["hash"])
        made.append(encode_line({**record, "signature": rest["signature"]}))
    return made


def _edited(at: int, place: int, record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "bytes": 9} if place == at else record


def _left_out(at: int, place: int, record: dict[str, Any]) -> dict[str, Any] | None:
    return None if place == at else record


# Ways to spoil a file at a place: its lines before, and where; what is named starts there or one behind.
SPOILED: Mapping[str, Callable[[Lines, int], Lines]] = {
    "a byte edited": lambda lines, at: [
        *lines[:at], lines[at].replace(b'"at": "2', b'"at": "3'), *lines[at + 1 :]
    ],
    "deleted": lambda lines, at: lines[:at] + lines[at + 1 :],
    "repeated": lambda lines, at: [*lines[: at + 1], *lines[at:]],
    "moved to the front": lambda lines, at: [lines[at], *lines[:at], *lines[at + 1 :]],
    "swapped with the next": lambda lines, at: (
        [*lines[:at], *reversed(lines[at : at + 2]), *lines[at + 2 :]]
    ),
    "a line that is none": lambda lines, at: [*lines[:at], b"{}\n", *lines[at:]],
    "no text": lambda lines, at: [*lines[:at], b"\xff\xfe\n", *lines[at:]],
    "nested": lambda lines, at: [*lines[:at], b"[" * 90_000 + b"\n", *lines[at:]],
    "huge": lambda lines, at: [*lines[:at], b'"' + b"a" * (1 << 20) + b'"\n', *lines[at:]],
    "edited and chained anew": lambda lines, at: rewritten(lines, partial(_edited, at)),
    "deleted and chained anew": lambda lines, at: rewritten(lines, partial(_left_out, at)),
    "cut off": lambda lines, at: lines[:at],
    "cut off within a line": lambda lines, at: [*lines[:at], lines[at][:-20]],
}  # fmt: skip
