"""A party's two chains: its egress ledger, and what the coordinator has countersigned of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feddmf.audit.chains import ChainAudit, ChainKind, audit_chain
from feddmf.audit.entries import SENT, Entry
from feddmf.audit.fields import bytes_in, countersigned_in
from feddmf.audit.papers import COUNTERSIGNATURES, LEDGER, Papers
from feddmf.errors import InputError
from feddmf.identity import PeerName
from feddmf.signing import Countersigned, Domain, Signatory, is_signed, signatory_of

__all__ = ["PartyBook", "Witnessed", "audit_party"]

_RESTORE = "restore the file from a backup, and hold it against the coordinator's: feddmf audit compare"


@dataclass(frozen=True)
class Witnessed:
    """A countersignature, as record `number` of the party's file has it."""

    number: int
    said: Countersigned


@dataclass
class PartyBook:
    """What was found in a party's papers; problems: what does not hold; notices: what to know."""

    owner: PeerName
    ledger: ChainAudit
    kept: ChainAudit
    entries: list[Entry] = field(default_factory=list)
    witnessed: list[Witnessed] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def party(self) -> str:
        """Whose they are."""
        return str(self.owner.party)

    @property
    def sent(self) -> Mapping[str, int]:
        """How many records of each kind say that something left."""
        return Counter(each.event for each in self.entries)

    @property
    def countersigned(self) -> int:
        """How many records the coordinator has countersigned."""
        return max((each.said.head.length for each in self.witnessed), default=0)


def audit_party(papers: Papers) -> PartyBook:
    """Check a party's ledger, its countersignatures, and that they fit each other."""
    entries, witnessed = list[Entry](), list[Witnessed]()

    def sent(record: Mapping[str, Any], _: ChainAudit) -> None:
        event = record.get("event")
        if isinstance(event, str) and event in SENT:
            entries.append(Entry.of(record, event))

    reader = _Countersignatures(papers, witnessed)
    ledger = audit_chain(papers.lines[LEDGER](), _kind(papers, LEDGER, Domain.LEDGER), sent)
    kept = audit_chain(
        papers.lines[COUNTERSIGNATURES](),
        _kind(papers, COUNTERSIGNATURES, Domain.COUNTERSIGNATURES),
        reader.take,
    )
    book = PartyBook(papers.owner, ledger, kept, entries, witnessed)
    book.problems += [each.problem for each in (ledger, kept) if each.problem is not None]
    book.notices += ledger.notices(papers.where[LEDGER]) + kept.notices(papers.where[COUNTERSIGNATURES])
    _check_signed(book, papers)
    if not book.problems:
        _check_against(book, papers)
    return book


class _Countersignatures:
    """Takes in the records of a party's file of countersignatures, each with the coordinator's signature."""

    def __init__(self, papers: Papers, found: list[Witnessed]) -> None:
        self._papers = papers
        self._found = found
        self._signatory: Signatory | None = None
        self._coordinator = PeerName(papers.owner.federation, None)

    def take(self, record: Mapping[str, Any], _: ChainAudit) -> None:
        """Take in a record; InputError where the coordinator did not sign what it says."""
        what = f"record {record['number']}"
        if record.get("event") == "coordinator":
            der = bytes_in(record, "certificate")
            self._signatory = signatory_of(der, self._coordinator, self._papers.root, what=what)
        if record.get("event") != "countersignature":
            return
        owner = self._papers.owner
        said, signatory = countersigned_in(record, owner.federation, str(owner.party)), self._signatory
        if signatory is None:
            raise InputError(
                f"{what} holds a countersignature, and none before it names the coordinator's key",
                hint=_RESTORE,
            )
        signature = bytes_in(record, "countersignature")
        if not is_signed(signatory.key, Domain.COUNTERSIGNATURE, said.to_bytes(), signature):
            raise InputError(f"{what} holds a countersignature that is not the coordinator's", hint=_RESTORE)
        if not signatory.holds_at(said.at):
            raise InputError(
                f"{what}: the coordinator's certificate does not hold at the time it signed", hint=_RESTORE
            )
        self._found.append(Witnessed(int(record["number"]), said))


def _kind(papers: Papers, name: str, domain: Domain) -> ChainKind:
    return ChainKind(domain, papers.owner, papers.root, papers.where[name])


def _check_signed(book: PartyBook, papers: Papers) -> None:
    ledger, where = book.ledger, papers.where[LEDGER]
    if ledger.problem is not None or not ledger.unsigned:
        return
    if ledger.unsigned == ledger.head.length:
        book.problems.append(
            InputError(
                f"{where}: none of its {ledger.unsigned} records is signed; anybody can have written them",
                hint="versions before signing wrote such records, and parties before they enrol; the next "
                "record that this party writes is signed, and keeps those before it from being changed",
            )
        )
    else:
        book.notices.append(
            f"signing begins at record {ledger.unsigned}: the {ledger.unsigned} before it are not signed; "
            "they were what they are by then, but who wrote them, and whether there were more, is not proven"
        )


def _check_against(book: PartyBook, papers: Papers) -> None:
    """Hold ledger and countersignatures against each other."""
    ledger, where = book.ledger, papers.where[LEDGER]
    for each in book.witnessed:
        head = each.said.head
        if head.length > ledger.head.length:
            book.problems.append(_cut_ledger(where, ledger.head.length, each, book))
            break
        if not ledger.holds(head):
            book.problems.append(
                InputError(
                    f"{where}: record {head.length - 1} is not the one that the coordinator countersigned on "
                    f"{each.said.at:%Y-%m-%d %H:%M:%S} UTC",
                    hint=f"the ledger was written anew from there or before; {_RESTORE}",
                )
            )
            break
    signed = [entry for entry in book.entries if entry.number >= ledger.unsigned]
    # What other processes sent meanwhile is countersigned with it.
    countersigned = book.countersigned
    open_ = [entry for entry in signed if entry.number >= countersigned]
    if not open_:
        return
    first = open_[0]
    what = f"{where}: record {first.number} ({first}) has no countersignature"
    if papers.at_work and len(open_) == 1:
        book.notices.append(f"{what} yet: the node is at work")
        return
    book.problems.append(
        InputError(
            f"{what}: it was not answered, or the end of {papers.where[COUNTERSIGNATURES]} was cut off",
            hint="the next call to the coordinator settles it; until then hold the ledger against the "
            "coordinator's: feddmf audit compare",
        )
    )


def _cut_ledger(where: str, length: int, witnessed: Witnessed, book: PartyBook) -> InputError:
    longest = book.countersigned
    gone = f"record {length}" if longest == length + 1 else f"records {length} to {longest - 1}"
    return InputError(
        f"{where} was cut: the coordinator countersigned {longest} records (first of those missing on "
        f"{witnessed.said.at:%Y-%m-%d %H:%M:%S} UTC), it has {length}; {gone} are missing at its end",
        hint=_RESTORE,
    )
