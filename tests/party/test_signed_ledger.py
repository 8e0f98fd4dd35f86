"""Who signs a party's ledger, from where on, and what the coordinator's word for it must be."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.audit.papers import write_export
from feddmf.audit.party_book import PartyBook, audit_party
from feddmf.errors import InputError, RunFailed
from feddmf.files import write_bytes
from feddmf.identity import encode_certificate, encode_key, make_key
from feddmf.ledger import GENESIS, Head, chain, encode_line
from feddmf.locks import only_one
from feddmf.signing import Countersigned, Domain, sign
from feddmf_party.client.witnessed import LedgerEnd
from feddmf_party.countersignatures import Countersignatures
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from support.authority import NAME, open_authority
from support.ledgers import BothSides, both_sides


@pytest.fixture
def sides(tmp_path: Path) -> BothSides:
    """Return both sides before anything was released."""
    return both_sides(tmp_path, releases=0)


def audit(sides: BothSides) -> PartyBook:
    """Check acme's folder."""
    return audit_party(party_papers(sides.folder().path))


def renew(sides: BothSides, party: str = "acme") -> None:
    """Give acme another key and certificate, one file after the other."""
    key, files = make_key(), IdentityFiles(sides.folder().path)
    certificate = open_authority(sides.enrolled.folder).issue_party(
        key.public_key(), NAME, party, days=9, now=datetime.now(UTC)
    )
    write_bytes(files.key, encode_key(key), mode=0o600)
    # A renewal between the two files signs as before.
    LedgerFile(sides.folder().ledger).append({"event": "between"})
    write_bytes(files.certificate, encode_certificate(certificate))


def old_ledger(path: Path, records: int) -> None:
    """Write a ledger as versions that did not sign did."""
    head, lines = Head(), b""
    for _ in range(records):
        record = chain({"event": "release"}, number=head.length, previous=head.hash)
        head, lines = Head(head.length + 1, record["hash"]), lines + encode_line(record)
    path.write_bytes(lines)


def test_the_first_record_names_the_key_and_all_are_signed(sides: BothSides) -> None:
    """A certificate of the party comes first; the signature of the last record is that of the head."""
    assert sides.record(0) == 1
    first, second = LedgerFile(sides.folder().ledger).records()
    assert (first["event"], second["event"]) == ("key", "release")
    assert {"signature", "hash", "previous"} <= set(first) & set(second)
    head = sides.head()
    assert (head.head.length, head.head.hash) == (2, second["hash"])
    assert len(audit(sides).ledger.keys) == 1


def test_an_old_ledger_says_where_signing_begins(sides: BothSides) -> None:
    """Records from before are neither trusted nor thrown away, and cannot be changed any more."""
    path = sides.folder().ledger
    old_ledger(path, 3)
    book = audit(sides)
    assert "none of its 3 records is signed" in book.problems[0].message
    sides.release(0)
    book = audit(sides)
    assert (book.problems, book.ledger.unsigned) == ([], 3)
    assert "signing begins at record 3" in book.notices[0]
    lines = path.read_bytes().splitlines(keepends=True)
    old_ledger(path, 2)
    path.write_bytes(path.read_bytes() + b"".join(lines[3:]))
    assert "record 2 does not follow" in audit(sides).problems[0].message


def test_a_renewed_key_is_named_by_its_certificate(sides: BothSides) -> None:
    """After a renewal a record names the new certificate; both keys hold, and the old one no longer signs."""
    sides.release(0)
    renew(sides)
    sides.release(1)
    book = audit(sides)
    assert (book.problems, [key.number for key in book.ledger.keys]) == ([], [0, 3])
    records = list(LedgerFile(sides.folder().ledger).records())
    assert [record["event"] for record in records] == ["key", "release", "between", "key", "release"]


def test_a_certificate_of_somebody_else_is_refused(sides: BothSides) -> None:
    """A key that the root knows as another party's cannot go on with this party's ledger."""
    sides.release(0)
    renew(sides, party="bolt")
    sides.record(1)
    assert "record 3 holds the certificate of somebody else" in audit(sides).problems[0].message


def test_a_certificate_of_another_root_is_refused(sides: BothSides, tmp_path: Path) -> None:
    """Nor can a key that only another federation's root has signed."""
    other = both_sides(tmp_path / "other", releases=0)
    sides.release(0)
    for name in ("key.pem", "certificate.pem"):
        write_bytes(
            sides.folder().path / "identity" / name, (other.folder().path / "identity" / name).read_bytes()
        )
    sides.record(1)
    assert "certificate that the federation's root did not sign" in audit(sides).problems[0].message


def test_a_signed_ledger_does_not_go_on_without_a_key(sides: BothSides) -> None:
    """Where the identity is gone nothing is recorded, so that nothing can leave."""
    sides.release(0)
    IdentityFiles(sides.folder().path).certificate.unlink()
    with pytest.raises(InputError, match="is signed, and there is no key to go on with"):
        sides.record(1)


def test_a_ledger_without_an_identity_tells_no_head(tmp_path: Path) -> None:
    """Before a party has enrolled its records are not signed, and no call can tell of them."""
    file = LedgerFile(tmp_path / "ledger.jsonl")
    file.append({"event": "note"})
    with pytest.raises(InputError, match="record 0 is not signed") as caught:
        file.signed_head()
    assert "feddmf party enroll" in caught.value.hint


def test_processes_and_threads_append_to_one_chain(sides: BothSides) -> None:
    """Objects on one file, as those of a node and of a command beside it, take in what the others append."""
    path = sides.folder().ledger
    files = [LedgerFile(path) for _ in range(3)]

    def work(file: LedgerFile) -> None:
        for number in range(10):
            file.append({"event": "note", "n": number})

    threads = [threading.Thread(target=work, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(LedgerFile(path)) == 31
    assert audit(sides).problems == []
    assert {file.signed_head() for file in files} == {sides.head()}


def test_first_records_that_come_at_once_all_stay(tmp_path: Path) -> None:
    """Whoever finds no file yet creates it for everybody, and never in the place of one that is there."""
    for number in range(40):
        files = [LedgerFile(tmp_path / str(number) / "ledger.jsonl") for _ in range(3)]
        together = threading.Barrier(len(files))

        def work(file: LedgerFile, together: threading.Barrier = together) -> None:
            together.wait()
            file.append({"event": "note"})

        threads = [threading.Thread(target=work, args=(file,)) for file in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(LedgerFile(files[0].path)) == 3


def test_a_ledger_that_shrinks_under_a_process_is_seen(sides: BothSides) -> None:
    """Who cuts the file under a node that runs stops its next release."""
    file = LedgerFile(sides.folder().ledger)
    file.append({"event": "note"})
    file.append({"event": "note"})
    file.path.write_bytes(b"".join(file.path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="records at its end were cut off"):
        file.append({"event": "note"})


def test_a_record_that_is_too_long_is_refused(sides: BothSides) -> None:
    """What could not be read back is not written."""
    with pytest.raises(InputError, match="a record of over 1048576 bytes"):
        LedgerFile(sides.folder().ledger).append({"event": "x" * (1 << 20)})
    assert len(LedgerFile(sides.folder().ledger)) == 0


def test_an_open_release_is_a_problem_but_for_a_node_at_work(sides: BothSides) -> None:
    """The last release may be on its way while the node runs; without one, somebody must look."""
    sides.release(0)
    sides.record(1)
    assert (
        "record 2 (release of run small-1, align 1) has no countersignature"
        in audit(sides).problems[0].message
    )
    with only_one(sides.folder().lock, doing="a test"):
        book = audit(sides)
    assert (book.problems, len(book.notices)) == ([], 1)


def kept(sides: BothSides) -> Countersignatures:
    """Return acme's file of countersignatures."""
    return Countersignatures(sides.folder().path)


def test_a_countersignature_is_checked_before_it_is_kept(sides: BothSides) -> None:
    """Another signature, head, party, time or certificate is not the coordinator's word, and is not kept."""
    authority = open_authority(sides.enrolled.folder)
    key, now = make_key(), datetime.now(UTC)
    server = authority.issue_server(key.public_key(), NAME, hosts=("localhost",), days=1, now=now)
    party = authority.issue_party(key.public_key(), NAME, "bolt", days=1, now=now)
    der, at_ms = server.public_bytes(Encoding.DER), int(now.timestamp() * 1000)
    head = Head(1, "a" * 64)

    def signed(party: str = "acme", at_ms: int = at_ms, head: Head = head) -> bytes:
        said = Countersigned(NAME, party, head, at_ms)
        return sign(key, Domain.COUNTERSIGNATURE, said.to_bytes())

    late = at_ms + 2 * 86_400_000
    for signature, told_ms, certificate in (
        (signed("bolt"), at_ms, der),
        (signed(head=Head(2, "a" * 64)), at_ms, der),
        (signed(), at_ms + 1, der),
        (signed(at_ms=late), late, der),
        (signed(), 1 << 60, der),
        (signed(), at_ms, party.public_bytes(Encoding.DER)),
        (signed(), at_ms, b"no certificate"),
        (b"", at_ms, der),
    ):
        with pytest.raises(RunFailed) as caught:
            kept(sides).keep(head, at_ms=told_ms, signature=signature, certificate_der=certificate)
        assert caught.value.hint
    assert not sides.folder().countersignatures.exists()
    for _ in range(2):
        kept(sides).keep(head, at_ms=at_ms, signature=signed(), certificate_der=der)
    assert len(sides.folder().countersignatures.read_bytes().splitlines()) == 3


def test_what_was_countersigned_must_be_there_at_the_call(sides: BothSides) -> None:
    """A cut into the last told record, mended by the next one, stops the first call that releases."""
    sides.release(0)
    sides.release(1)
    path = sides.folder().ledger
    whole = path.read_bytes()

    def told() -> None:
        asyncio.run(LedgerEnd(sides.folder().path).tell())

    told()
    sides.record(2)
    told()
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"record 2, the last that the .* countersigned, is not there"):
        told()
    sides.record(2)
    assert path.with_name("ledger.jsonl.torn").exists()
    with pytest.raises(InputError, match=r"record 2, the last .* countersigned, is another one") as caught:
        told()
    assert "restore it from a backup" in caught.value.hint
    path.write_bytes(whole)
    told()


def test_a_party_that_has_not_enrolled_has_nothing_to_check(tmp_path: Path, sides: BothSides) -> None:
    """Without an identity there is no root to check against; that is said."""
    IdentityFiles(sides.folder().path).federation.unlink()
    with pytest.raises(InputError, match="no identity yet"):
        write_export(tmp_path / "out", party_papers(sides.folder().path))


def test_the_first_head_is_no_record() -> None:
    """A head of nothing is the genesis hash, which no record has."""
    assert Head() == Head(0, GENESIS)
