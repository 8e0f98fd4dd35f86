"""The ledger on disk: it only grows, is never half-written, and no byte of it can change unseen."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feddmf import ledger
from feddmf.errors import InputError, LocalResourceError
from feddmf_party.ledger_file import LedgerFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a ledger with three records."""
    path = tmp_path / "party" / "ledger.jsonl"
    file = LedgerFile(path)
    for number in range(3):
        assert file.append({"event": "release", "bytes": number, "label": "grün"}) == number
    return path


def test_records_are_read_as_they_were_written(path: Path) -> None:
    """A ledger that is opened again goes on where it was, in one chain."""
    again = LedgerFile(path)
    assert len(again) == 3
    assert again.append({"event": "join"}) == 3
    records = list(LedgerFile(path).records())
    assert [record["number"] for record in records] == [0, 1, 2, 3]
    assert [record.get("bytes") for record in records] == [0, 1, 2, None]
    assert all(record["at"].endswith("+00:00") for record in records)
    assert ledger.verify(records) == again.head


def test_an_empty_ledger_has_nothing(tmp_path: Path) -> None:
    """Before the first record there is no file, no record, and the first head."""
    file = LedgerFile(tmp_path / "ledger.jsonl")
    assert (len(file), file.head, list(file.records())) == (0, ledger.GENESIS, [])
    assert not any(tmp_path.iterdir())


def test_a_ledger_is_for_its_owner_alone(path: Path) -> None:
    """The file can be read by its owner only."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_torn_last_line_is_set_aside_by_the_next_record(path: Path, cut: int) -> None:
    """Half a line, or one without its end, never counted: it is kept beside, and a record says so."""
    lines = path.read_bytes().splitlines(keepends=True)
    torn = lines[2][:-cut]
    path.write_bytes(b"".join(lines[:2]) + torn)
    beside = path.with_name("ledger.jsonl.torn")
    file, reader = LedgerFile(path), LedgerFile(path)
    assert len(file) == len(list(file.records())) == 2
    # Who only reads leaves it as it is.
    assert path.read_bytes().endswith(torn)
    assert not beside.exists()
    assert file.append({"event": "join"}) == 3
    assert (beside.read_bytes(), stat.S_IMODE(beside.stat().st_mode)) == (torn, 0o600)
    reader.refresh()
    records = list(reader.records())
    assert [each["event"] for each in records] == ["release", "release", "mended", "join"]
    assert records[2]["set_aside_bytes"] == len(torn)
    assert ledger.verify(records) == reader.head == file.head
    file.append({"event": "join"})
    assert [each["event"] for each in file.records()].count("mended") == 1


def test_what_is_set_aside_is_said_once_there_is_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes the torn line and then no record leaves it to the next record to say so."""
    path.write_bytes(path.read_bytes()[:-1])
    file = LedgerFile(path)
    with monkeypatch.context() as patch:
        write, turns = os.write, iter([len, lambda _: 10])
        patch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[: next(turns)(line)]))
        with pytest.raises(LocalResourceError, match="No space left"):
            file.append({"event": "join"})
    file.append({"event": "join"})
    assert [each["event"] for each in LedgerFile(path).records()] == ["release", "release", "mended", "join"]


def test_a_second_torn_line_is_kept_behind_the_first(path: Path) -> None:
    """Nothing that was set aside is lost."""
    for torn in (b"{", b"\0\0"):
        path.write_bytes(path.read_bytes() + torn)
        LedgerFile(path).append({"event": "join"})
    assert path.with_name("ledger.jsonl.torn").read_bytes() == b"{\0\0"


def test_equal_records_have_hashes_that_nobody_can_guess(tmp_path: Path) -> None:
    """Each has 16 random bytes of its own, so that a head commits to it and hides it."""
    for name in ("a", "b"):
        LedgerFile(tmp_path / name / "ledger.jsonl").append({"event": "forget", "count": 1, "runs": []})
    first, second = (next(LedgerFile(tmp_path / name / "ledger.jsonl").records()) for name in ("a", "b"))
    assert len(bytes.fromhex(first["nonce"])) == len(bytes.fromhex(second["nonce"])) == 16
    assert first["nonce"] != second["nonce"]
    assert first["hash"] != second["hash"]


@pytest.mark.parametrize(
    "line", [b"\n", b"5\n", b"[]\n", b"\xff\n", b"[" * 100_000 + b"\n", b'{"a":1}\n', b"null\n"]
)
def test_a_line_that_is_no_record_is_a_clear_error(path: Path, line: bytes) -> None:
    """Whatever else stands in the file is named by its line."""
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(InputError, match="line 4 is not a ledger record"):
        LedgerFile(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_byte_can_change_unseen(path: Path, data: st.DataObject) -> None:
    """Any byte but the last line's end that is changed, removed or added, white space too, is found."""
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 2))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))])
    for edited in (
        whole[:place] + byte + whole[place + 1 :],
        whole[:place] + whole[place + 1 :],
        whole[:place] + byte + whole[place:],
    ):
        path.write_bytes(edited)
        with pytest.raises(InputError):
            LedgerFile(path)
    path.write_bytes(whole)


def test_a_record_that_was_repeated_within_a_line_is_found(path: Path) -> None:
    """A key that stands twice in a line, which JSON readers take as they like, is no record."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(b'{"at"', b'{"bytes": 9, "at"')
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="line 1 is not a ledger record"):
        LedgerFile(path)


def half_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take ten bytes of the next line."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:10]))


def no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take nothing."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)


def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take the line, and then fail to keep it."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.parametrize("trouble", [half_a_line, no_line, no_sync])
def test_a_full_disk_leaves_the_ledger_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """What could not be kept is cut off again, and the same ledger goes on once there is room."""
    file, before = LedgerFile(path), path.read_bytes()
    with monkeypatch.context() as patch:
        trouble(patch)
        with pytest.raises(
            LocalResourceError, match=r"cannot write .*ledger\.jsonl: No space left"
        ) as caught:
            file.append({"event": "release"})
    assert "free space" in caught.value.hint
    assert path.read_bytes() == before
    assert file.append({"event": "release"}) == 3
    assert len(LedgerFile(path)) == 4


def test_a_record_is_synced_before_it_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is on its way to the disk, whole, when the file is synced."""
    file, seen = LedgerFile(path), []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append((len(file), path.read_bytes().count(b"\n"))))
    file.append({"event": "release"})
    assert seen == [(3, 4)]
