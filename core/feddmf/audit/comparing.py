"""A party's account held against the coordinator's: what is on one side only, and heads that do not fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from feddmf.audit.coordinator_book import CoordinatorBook, Receipt, Reset, audit_coordinator
from feddmf.audit.entries import Entry
from feddmf.audit.papers import Papers
from feddmf.audit.party_book import PartyBook, audit_party
from feddmf.errors import InputError
from feddmf.identity import certificate_fingerprint

__all__ = ["Comparison", "Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """One thing in which the two sides differ. kind: a word for programs."""

    kind: str
    text: str
    party_record: int | None = None
    coordinator_record: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return dict(vars(self))


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison; problems are those of either side alone, and then nothing was compared."""

    party: str
    problems: tuple[InputError, ...]
    differences: tuple[Difference, ...]
    entries: int
    heads: int

    @property
    def agrees(self) -> bool:
        """Whether both sides hold, and say the same."""
        return not self.problems and not self.differences


def compare(ours: Papers, theirs: Papers) -> Comparison:
    """Hold a party's papers against a coordinator's, in either order.

    Raises InputError where they are not those of a party and of the coordinator of its federation.
    """
    of_party, of_coordinator = (ours, theirs) if ours.owner.party is not None else (theirs, ours)
    party = _check_sides(of_party, of_coordinator)
    book, account = audit_party(of_party), audit_coordinator(of_coordinator)
    receipts = [each for each in account.receipts if each.party == party]
    problems = (*book.problems, *account.problems)
    if any(each.problem is not None for each in (book.ledger, book.kept, account.ledger)):
        return Comparison(party, problems, (), 0, 0)
    resets = [each for each in account.resets if each.party == party]
    lost = _lost(book, receipts, resets)
    known = [each for each in receipts if each not in lost]
    found = (*_let_go_on(resets, lost), *_sent(book, known), *_heads(book, account, known, receipts))
    return Comparison(party, problems, found, len(book.entries), len(receipts))


def _check_sides(of_party: Papers, of_coordinator: Papers) -> str:
    if of_party.owner.party is None or of_coordinator.owner.party is not None:
        raise InputError(
            "a party's ledger is compared with the coordinator's, not with one of its own kind",
            hint="ask the operator for `feddmf audit export --party NAME` of the coordinator's folder",
        )
    party, about = of_party.owner.party, of_coordinator.about
    if about not in {None, party}:
        raise InputError(
            f"the coordinator's file is about {about}, not {party}", hint="ask for the right one"
        )
    roots: list[x509.Certificate] = [of_party.root, of_coordinator.root]
    if roots[0] != roots[1]:
        first, second = (certificate_fingerprint(each) for each in roots)
        raise InputError(
            f"the two are of different federations: their roots are {first} and {second}",
            hint="get the file again, from the operator of this federation",
        )
    return party


def _lost(book: PartyBook, receipts: list[Receipt], resets: list[Reset]) -> list[Receipt]:
    """Return what was told of a ledger that the party lost, by the word of the operator."""
    until = max((each.number for each in resets), default=0)
    return [each for each in receipts if each.number < until and not book.ledger.holds(each.head)]


def _let_go_on(resets: list[Reset], lost: list[Receipt]) -> Iterator[Difference]:
    """Yield one difference for each time that a party was let go on without records that it had told."""
    first = 0
    for reset in resets:
        gone = [each for each in lost if first <= each.number < reset.number]
        first = reset.number
        if gone:
            text = f"the coordinator's {reset}; {len(gone)} heads that it was told before are not in the "
            text += f"party's ledger, nor is what came with them, from its record {gone[0].number} on"
            yield Difference("reset", text, None, reset.number)


def _sent(book: PartyBook, receipts: list[Receipt]) -> Iterator[Difference]:
    """Yield releases on one side only, and those of which the two say different things."""
    there: dict[tuple[str, str, str, int], list[tuple[Receipt, Entry]]] = defaultdict(list)
    for receipt in receipts:
        if receipt.entry is not None:
            there[receipt.entry.place].append((receipt, receipt.entry))
    here: dict[tuple[str, str, str, int], list[Entry]] = defaultdict(list)
    for entry in book.entries:
        # What was recorded before signing began was told to nobody who kept it.
        if entry.number >= book.ledger.unsigned:
            here[entry.place].append(entry)
    for place, entries in here.items():
        yield from _missing_there(entries, there.get(place, []))
    for place, received in there.items():
        yield from _missing_here(book, received, here.get(place, []))


def _missing_there(entries: list[Entry], received: list[tuple[Receipt, Entry]]) -> Iterator[Difference]:
    known = {other.digest: (receipt, other) for receipt, other in received}
    told = set[str]()
    for entry in entries:
        match = known.get(entry.digest)
        if match is not None:
            receipt, other = match
            if other.bytes != entry.bytes:
                text = (
                    f"{entry} has {entry.bytes} bytes by the party's record {entry.number}, {other.bytes} by "
                )
                text += f"the coordinator's record {receipt.number}"
                yield Difference("bytes", text, entry.number, receipt.number)
        elif entry.digest not in told:
            told.add(entry.digest)
            if received and entry.is_unique:
                receipt, other = received[-1]
                text = f"{entry}: the party's record {entry.number} has the digest {entry.digest}, the "
                text += f"coordinator's record {receipt.number} has {other.digest}"
                yield Difference("digest", text, entry.number, receipt.number)
            else:
                text = f"{entry}: the party's record {entry.number} is not in the coordinator's ledger: it "
                text += "never arrived, or the coordinator does not say so"
                yield Difference("party only", text, entry.number)


def _missing_here(
    book: PartyBook, received: list[tuple[Receipt, Entry]], entries: list[Entry]
) -> Iterator[Difference]:
    known = {entry.digest for entry in entries}
    told = set[str]()
    for receipt, other in received:
        # Another digest of what both sides have was named from the party's side.
        named = other.is_unique and entries and not known & {each.digest for _, each in received}
        if named or other.digest in known | told:
            continue
        told.add(other.digest)
        text = f"{other}: the coordinator's record {receipt.number} is not in the party's ledger: "
        if book.ledger.holds(receipt.head):
            text += "it left around the gate, or somebody else has the party's key"
        else:
            text += (
                f"the party's ledger was cut or written anew at record {receipt.head.length - 1} or before"
            )
        yield Difference("coordinator only", text, None, receipt.number)


def _heads(
    book: PartyBook, account: CoordinatorBook, receipts: list[Receipt], all_receipts: list[Receipt]
) -> Iterator[Difference]:
    """Yield heads that do not fit the party's chain, and countersignatures that the coordinator lacks."""
    for receipt in receipts:
        head = receipt.head
        if head.length > book.ledger.head.length:
            text = (
                f"the coordinator's record {receipt.number} has a head of {head.length} records; the party's "
            )
            text += f"ledger has {book.ledger.head.length}: its end is missing"
            yield Difference("head", text, None, receipt.number)
        elif not book.ledger.holds(head):
            text = f"the party's record {head.length - 1} is not the one whose head the coordinator's record "
            text += f"{receipt.number} has: the party's ledger was written anew"
            yield Difference("head", text, head.length - 1, receipt.number)
    kept = {receipt.said for receipt in all_receipts}
    for each in book.witnessed:
        if each.said not in kept:
            text = f"the coordinator countersigned {each.said.head.length} records on "
            text += f"{each.said.at:%Y-%m-%d %H:%M:%S} UTC (record {each.number} of the party's "
            text += (
                f"countersignatures), which its own ledger of {account.ledger.head.length} records does not "
            )
            text += "have: records of it are missing"
            yield Difference("countersignature", text, each.number)
