"""A party's account against the coordinator's: what one side alone has is named, whatever the other says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from feddmf.audit.comparing import Comparison, compare
from feddmf.audit.coordinator_book import audit_coordinator
from feddmf.audit.papers import read_export, watched, write_export
from feddmf.audit.party_book import audit_party
from feddmf.errors import InputError
from feddmf_coordinator.papers import coordinator_papers
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from support.heard import Heard
from support.ledgers import BothSides, both_sides


def compared(sides: BothSides, party: str = "acme") -> Comparison:
    """Hold a party's folder against the coordinator's."""
    return compare(party_papers(sides.folder(party).path), coordinator_papers(sides.enrolled.folder.path))


def kinds(found: Comparison) -> list[tuple[str, int | None]]:
    """Return which differences there are, and in which record of the party."""
    return [(each.kind, each.party_record) for each in found.differences]


def test_two_sides_that_tell_the_same_agree(tmp_path: Path) -> None:
    """Either order, either party, folders and exports: nothing differs."""
    sides = both_sides(tmp_path)
    for party in ("acme", "bolt"):
        found = compared(sides, party)
        assert (found.agrees, found.entries, found.heads, found.party) == (True, 4, 4, party)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write_export(ours, party_papers(sides.folder().path))
    write_export(theirs, coordinator_papers(sides.enrolled.folder.path, about="acme"))
    assert compare(read_export(theirs), read_export(ours)).agrees


def test_whoever_looks_on_hears_line_by_line(tmp_path: Path) -> None:
    """Of each chain in its turn; what is found is the same."""
    sides, heard = both_sides(tmp_path), Heard()
    papers = party_papers(sides.folder().path)
    book = audit_party(watched(papers, heard))
    assert book.ledger.head == audit_party(papers).ledger.head
    count = book.ledger.head.length
    assert heard.told[: count + 1] == [
        (done, count, "lines of acme's ledger checked") for done in range(count + 1)
    ]
    assert heard.told[-1][2] == "lines of acme's countersignatures checked"


def test_an_export_for_one_party_shows_nothing_of_another(tmp_path: Path) -> None:
    """Of records about others there is number, hash and signature; the chain still holds to its end."""
    sides, out = both_sides(tmp_path), tmp_path / "about-acme"
    write_export(out, coordinator_papers(sides.enrolled.folder.path, about="acme"))
    assert b"bolt" not in out.read_bytes()
    book = audit_coordinator(read_export(out))
    assert (book.problems, book.about, len(book.receipts)) == ([], "acme", 4)
    whole = audit_coordinator(coordinator_papers(sides.enrolled.folder.path))
    assert book.ledger.hashes == whole.ledger.hashes
    # What is hidden cannot be exchanged for something else either.
    lines = out.read_bytes().splitlines(keepends=True)
    hidden = next(
        place for place, line in enumerate(lines) if set(json.loads(line)) == {"number", "hash", "signature"}
    )
    lines[hidden] = lines[hidden].replace(b'"hash": "', b'"hash": "0')
    out.write_bytes(b"".join(lines))
    assert audit_coordinator(read_export(out)).problems


def test_a_release_on_one_side_only_is_named(tmp_path: Path) -> None:
    """What never arrived, and what left around the gate, are told from each other."""
    sides = both_sides(tmp_path, releases=1)
    number = sides.record(1)
    assert kinds(compared(sides)) == [("party only", number)]
    sides.tell(1)
    assert compared(sides).agrees
    # Somebody sends more under the same head.
    sides.tell(7, keep=False)
    (found,) = compared(sides).differences
    assert (found.kind, found.party_record) == ("coordinator only", None)
    assert "align 7" in found.text
    assert "it left around the gate" in found.text
    assert found.coordinator_record is not None


def test_a_cut_is_not_taken_for_another_way_out(tmp_path: Path) -> None:
    """What the coordinator has of records that the party's ledger lost is said to be cut off."""
    sides = both_sides(tmp_path)
    path = sides.folder().ledger
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    texts = [each.text for each in compared(sides).differences if each.kind == "coordinator only"]
    assert len(texts) == 1
    assert "was cut or written anew at record 4 or before" in texts[0]
    assert "gate" not in texts[0]


def test_other_bytes_are_named(tmp_path: Path) -> None:
    """Where both sides have a round, and not the same payload of it, both digests are told."""
    sides = both_sides(tmp_path, releases=1)
    number = sides.record(1)
    sides.tell(1, sha256="f" * 64)
    (found,) = compared(sides).differences
    assert (found.kind, found.party_record) == ("digest", number)
    assert "f" * 64 in found.text
    number = sides.record(2)
    sides.tell(2, bytes=25)
    assert ("bytes", number) in kinds(compared(sides))


def test_what_is_released_again_counts_once(tmp_path: Path) -> None:
    """A party that was restarted records a round twice, and tells it under two heads: nothing differs."""
    sides = both_sides(tmp_path, releases=1)
    sides.record(1)
    sides.release(1)
    sides.tell(1)
    assert compared(sides).agrees


def test_a_ledger_that_was_written_anew_with_the_key_is_found(tmp_path: Path) -> None:
    """Who has the key can write a chain that holds; the countersignatures and the heads do not fit it."""
    sides = both_sides(tmp_path)
    folder = sides.folder()
    records = list(LedgerFile(folder.ledger).records())
    folder.ledger.unlink()
    for number, record in enumerate(records[1:]):
        sides.record(number, items="0" * 64 if number == 2 else record["items"])
    book = audit_party(party_papers(folder.path))
    assert book.ledger.problem is None
    assert re.search(
        r"record [13] is not the one that the coordinator countersigned", book.problems[0].message
    )
    folder.countersignatures.unlink()
    assert [kind for kind in kinds(compared(sides)) if kind[0] == "head"][-1] == ("head", 4)


def test_a_coordinator_that_forgets_is_found(tmp_path: Path) -> None:
    """What a party holds countersigned, and the coordinator's ledger lacks, is named."""
    sides = both_sides(tmp_path)
    path = sides.enrolled.folder.ledger
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    found = compared(sides)
    assert "was cut: the database knows of" in found.problems[0].message
    assert [each.kind for each in found.differences] == ["party only", "countersignature"]


def test_sides_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    """Two parties, another party's export, another federation: each has a message of its own."""
    sides, other = both_sides(tmp_path / "one", releases=1), both_sides(tmp_path / "two", releases=1)
    acme = party_papers(sides.folder().path)
    with pytest.raises(InputError, match="not with one of its own kind"):
        compare(acme, party_papers(sides.folder("bolt").path))
    with pytest.raises(InputError, match="is about bolt, not acme"):
        compare(acme, coordinator_papers(sides.enrolled.folder.path, about="bolt"))
    with pytest.raises(InputError, match="of different federations"):
        compare(acme, coordinator_papers(other.enrolled.folder.path))
