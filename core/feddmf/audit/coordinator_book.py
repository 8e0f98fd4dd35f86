"""The coordinator's chain: which heads of parties' ledgers it was told, and digests of what came too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feddmf.audit.chains import ChainAudit, ChainKind, audit_chain
from feddmf.audit.entries import Entry
from feddmf.audit.fields import bytes_in, countersigned_in
from feddmf.audit.papers import LEDGER, Papers
from feddmf.errors import InputError
from feddmf.identity import PeerName
from feddmf.ledger import RESET_EVENT, Head
from feddmf.signing import Countersigned, Domain, Signatory, is_signed, signatory_of

__all__ = ["CoordinatorBook", "Receipt", "Reset", "audit_coordinator"]

_RESTORE = "restore the file from a backup, and hold it against the parties': feddmf audit compare"


@dataclass(frozen=True)
class Receipt:
    """A head that a party told, as record `number` has it; entry: what came with it, None for nothing."""

    number: int
    party: str
    said: Countersigned
    entry: Entry | None

    @property
    def head(self) -> Head:
        """The head that was told."""
        return self.said.head


@dataclass(frozen=True)
class Reset:
    """From record `number` on, `party` may tell another ledger than the one of `length` records before."""

    number: int
    party: str
    length: int
    operator: str
    reason: str

    def __str__(self) -> str:
        return (
            f"record {self.number} lets {self.party} go on from another ledger than the one of {self.length} "
            f"records that it had told, by the word of {self.operator}: {self.reason}"
        )


@dataclass
class CoordinatorBook:
    """What was found in a coordinator's papers; about: the party that they are cut down to."""

    owner: PeerName
    about: str | None
    ledger: ChainAudit
    receipts: list[Receipt] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def audit_coordinator(papers: Papers) -> CoordinatorBook:
    """Check a coordinator's ledger: its chain, and the parties' signatures and its own of each head."""
    reader = _Receipts(papers)
    hides = papers.about is not None
    kind = ChainKind(Domain.RECEIPTS, papers.owner, papers.root, papers.where[LEDGER], hides=hides)
    ledger = audit_chain(papers.lines[LEDGER](), kind, reader.take)
    book = CoordinatorBook(papers.owner, papers.about, ledger, reader.found)
    book.resets += reader.resets
    book.notices += ledger.notices(kind.where)
    book.notices += [f"{kind.where}: {each}" for each in reader.resets]
    if ledger.problem is not None:
        book.problems.append(ledger.problem)
    elif papers.anchor is not None and papers.anchor.length and not ledger.holds(papers.anchor):
        book.problems.append(_cut(kind.where, ledger.head.length, papers.anchor.length))
    return book


class _Receipts:
    """Takes in the records of a coordinator's ledger."""

    def __init__(self, papers: Papers) -> None:
        self.found: list[Receipt] = []
        self.resets: list[Reset] = []
        self._papers = papers
        self._parties: dict[str, Signatory] = {}
        self._told: dict[tuple[str, int], tuple[str, int]] = {}

    def take(self, record: Mapping[str, Any], found: ChainAudit) -> None:
        """Take in a record; InputError where a signature, or a party's story, does not hold."""
        what = f"record {record['number']}"
        if not found.keys:
            raise InputError(f"{what} is not signed: no record names the coordinator's key", hint=_RESTORE)
        match record.get("event"):
            case "party":
                self._name(record, what)
            case "receipt":
                receipt = self._receipt(record, found, what)
                self._check_fork(receipt, what)
                self.found.append(receipt)
            case event if event == RESET_EVENT:
                self._reset(record)
            case _:
                pass

    def _reset(self, record: Mapping[str, Any]) -> None:
        party, length = str(record.get("party")), record.get("length")
        told = (str(record.get(name)) for name in ("operator", "reason"))
        number = length if isinstance(length, int) else 0
        self.resets.append(Reset(int(record["number"]), party, number, *told))
        # What it told before is the story of a ledger that is lost.
        self._told = {place: before for place, before in self._told.items() if place[0] != party}

    def _name(self, record: Mapping[str, Any], what: str) -> None:
        party = str(record.get("party"))
        owner = PeerName(self._papers.owner.federation, party)
        der = bytes_in(record, "certificate")
        self._parties[party] = signatory_of(der, owner, self._papers.root, what=what)

    def _receipt(self, record: Mapping[str, Any], found: ChainAudit, what: str) -> Receipt:
        party = str(record.get("party"))
        said = countersigned_in(record, self._papers.owner.federation, party)
        signatory, signed = self._parties.get(party), bytes_in(record, "head_signature")
        if signatory is None or not is_signed(signatory.key, Domain.LEDGER, said.head.to_bytes(), signed):
            raise InputError(f"{what} holds a head that {party} did not sign", hint=_RESTORE)
        own, key = bytes_in(record, "countersignature"), found.keys[-1].signatory.key
        if not is_signed(key, Domain.COUNTERSIGNATURE, said.to_bytes(), own):
            raise InputError(f"{what} holds a countersignature that is not the coordinator's", hint=_RESTORE)
        of = record.get("of")
        entry = None if of is None else Entry.of(record, str(of))
        return Receipt(int(record["number"]), party, said, entry)

    def _check_fork(self, receipt: Receipt, what: str) -> None:
        place = (receipt.party, receipt.head.length)
        before, number = self._told.setdefault(place, (receipt.head.hash, receipt.number))
        if before != receipt.head.hash:
            raise InputError(
                f"{what}: {receipt.party} told another hash of its first {receipt.head.length} records than "
                f"by record {number}",
                hint=f"{receipt.party} has two ledgers, or one that was written anew; ask it for both",
            )


def _cut(where: str, length: int, kept: int) -> InputError:
    if length < kept:
        gone = f"record {length}" if kept == length + 1 else f"records {length} to {kept - 1}"
        return InputError(
            f"{where} was cut: the database knows of {kept} records, it has {length}; {gone} are missing "
            "at its end",
            hint=_RESTORE,
        )
    return InputError(
        f"{where}: record {kept - 1} is not the one that the database knows of",
        hint=f"the ledger was written anew from there or before; {_RESTORE}",
    )
