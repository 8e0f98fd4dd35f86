"""Any edit, deletion, insertion, reordering or cut tail of any of the three files is found and named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feddmf.audit.comparing import compare
from feddmf.audit.coordinator_book import audit_coordinator
from feddmf.audit.papers import read_export, write_export
from feddmf.audit.party_book import audit_party
from feddmf.errors import InputError
from feddmf_coordinator.papers import coordinator_papers
from feddmf_party.papers import party_papers
from support.ledgers import SPOILED, BothSides, both_sides

FILES = ("ledger", "countersignatures", "receipts")


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> BothSides:
    """Return both sides after four releases of each party."""
    return both_sides(tmp_path_factory.mktemp("sides"))


def path_of(sides: BothSides, file: str) -> Path:
    """Return where one of the three files is."""
    folder = sides.folder()
    paths = {
        "ledger": folder.ledger,
        "countersignatures": folder.countersignatures,
        "receipts": sides.enrolled.folder.ledger,
    }
    return paths[file]


def problems_of(sides: BothSides, file: str) -> list[InputError]:
    """Return what an audit of the side whose file it is finds."""
    if file == "receipts":
        return audit_coordinator(coordinator_papers(sides.enrolled.folder.path)).problems
    return audit_party(party_papers(sides.folder().path)).problems


def test_what_was_left_alone_holds(sides: BothSides) -> None:
    """Both parties and the coordinator hold before anything is spoiled."""
    for file in FILES:
        assert problems_of(sides, file) == []
    book = audit_party(party_papers(sides.folder().path))
    assert (book.ledger.head.length, book.ledger.unsigned) == (5, 0)
    assert (len(book.entries), len(book.witnessed), book.countersigned) == (4, 4, 5)
    account = audit_coordinator(coordinator_papers(sides.enrolled.folder.path))
    assert [receipt.party for receipt in account.receipts] == ["acme", "bolt"] * 4


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("way", SPOILED)
def test_what_was_spoiled_is_found_and_named(sides: BothSides, file: str, way: str) -> None:
    """Wherever a file is spoiled, in whichever way, a record at that place, or one beside it, is named."""
    path = path_of(sides, file)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    try:
        for place in range(len(lines)):
            spoiled = SPOILED[way](lines, place)
            if spoiled == lines:
                # The first in front of itself, the last swapped with nothing.
                continue
            path.write_bytes(b"".join(spoiled))
            found = problems_of(sides, file)
            assert found, f"{way} at {place} of {file} was not found"
            assert path.name in found[0].message
            named = [int(number) for number in re.findall(r"(?:record|line|records) (\d+)", found[0].message)]
            assert any(abs(number - place) <= 1 for number in named), (found[0].message, place)
            assert found[0].hint
    finally:
        path.write_bytes(whole)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60, database=None
)
@given(st.sampled_from(FILES), st.data())
def test_no_byte_can_change_unseen(sides: BothSides, file: str, data: st.DataObject) -> None:
    """Any byte of any file that is changed, removed or added is found, signatures too."""
    path = path_of(sides, file)
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))])
    try:
        for edited in (
            whole[:place] + byte + whole[place + 1 :],
            whole[:place] + whole[place + 1 :],
            whole[:place] + byte + whole[place:],
        ):
            path.write_bytes(edited)
            assert problems_of(sides, file)
    finally:
        path.write_bytes(whole)


def test_a_torn_line_that_was_set_aside_is_a_notice(tmp_path: Path) -> None:
    """Until then it is a problem, which says what will come of it; a copy is only looked at."""
    sides = both_sides(tmp_path, 2)
    for file in ("ledger", "receipts"):
        path = path_of(sides, file)
        torn = path.read_bytes() + b'{"at'
        path.write_bytes(torn)
        (problem,) = problems_of(sides, file)
        assert "is not a ledger record" in problem.message
        assert "sets the line aside" in problem.hint
        assert path.read_bytes() == torn
    sides.release(2)
    (notice,) = audit_party(party_papers(sides.folder().path)).notices
    assert "ledger.jsonl: record 3 says that a torn line was set aside" in notice
    (notice,) = audit_coordinator(coordinator_papers(sides.enrolled.folder.path)).notices
    assert "says that a torn line was set aside" in notice
    assert problems_of(sides, "ledger") == problems_of(sides, "receipts") == []


def test_a_cut_into_what_was_told_still_shows(tmp_path: Path) -> None:
    """To who goes on it looks like a torn line; countersignatures and the coordinator know better."""
    sides = both_sides(tmp_path, 2)
    path = path_of(sides, "ledger")
    path.write_bytes(path.read_bytes()[:-20])
    sides.record(2)
    assert "record 2 is not the one that the coordinator countersigned" in str(
        problems_of(sides, "ledger")[0]
    )
    path_of(sides, "countersignatures").unlink()
    theirs = coordinator_papers(sides.enrolled.folder.path)
    found = compare(party_papers(sides.folder().path), theirs)
    assert not found.agrees
    assert found.differences


def test_a_file_that_is_gone_is_found(sides: BothSides, tmp_path: Path) -> None:
    """Without its ledger, or without its countersignatures, a party that has released does not hold."""
    for file in ("ledger", "countersignatures", "receipts"):
        path = path_of(sides, file)
        shutil.move(path, tmp_path / "away")
        try:
            assert path.name in problems_of(sides, file)[0].message
        finally:
            shutil.move(tmp_path / "away", path)


def test_an_export_holds_elsewhere_and_a_spoiled_one_does_not(sides: BothSides, tmp_path: Path) -> None:
    """One file has all that is needed; every line of it that is cut, and every byte of its header, counts."""
    out = tmp_path / "acme.audit"
    write_export(out, party_papers(sides.folder().path))
    assert audit_party(read_export(out)).problems == []
    whole = out.read_bytes()
    for length in (len(whole) - 1, len(whole) - 700, 2000):
        out.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"its end was cut off|is not a ledger record"):
            raise audit_party(read_export(out)).problems[0]
    out.write_bytes(whole + b"{}\n")
    assert "goes on behind its last line" in audit_party(read_export(out)).problems[0].message
    for edited in (
        whole.replace(b'"acme"', b'"bolt"', 1),
        whole.replace(b'"testfed"', b'"another"', 1),
        whole.replace(b'"ledger": 5', b'"ledger": 4', 1),
    ):
        assert edited != whole
        out.write_bytes(edited)
        assert audit_party(read_export(out)).problems
    for nothing in (b"", b"{}\n", b"\xff\n", b"[" * 90_000, b"x" * (1 << 21)):
        out.write_bytes(nothing)
        with pytest.raises(InputError):
            read_export(out)
