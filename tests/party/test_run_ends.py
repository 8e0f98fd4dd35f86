"""Runs that came to nothing are written down with why, and read by people."""

from __future__ import annotations

import stat
from pathlib import Path

from feddmf.errors import CatalogueError, DataError, InputError, PolicyError, RunFailed
from feddmf_party.run_ends import DECLINED, FAILED, note_end, run_ends


def test_each_run_is_told_once_and_the_last_first(tmp_path: Path) -> None:
    """With what it ended in last, and what to do."""
    path = tmp_path / "ended.jsonl"
    assert run_ends(path) == ()
    note_end(path, "r-1", DECLINED, PolicyError("too many items", hint="allow them"))
    note_end(path, "r-2", FAILED, RunFailed("bolt is gone"))
    note_end(path, "r-1", FAILED, RunFailed("again"))
    found = run_ends(path)
    assert [(end.run, end.what, end.why, end.kind) for end in found] == [
        ("r-1", "failed", "again", "RunFailed"),
        ("r-2", "failed", "bolt is gone", "RunFailed"),
    ]
    assert [end.run for end in run_ends(path, most=1)] == ["r-1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_of_a_table_is_kept(tmp_path: Path) -> None:
    """Its rows are of users, one of whom may be forgotten later; of a catalogue or a policy all is told."""
    path = tmp_path / "ended.jsonl"
    for error in (DataError("row 7: 'ann'", hint="mend ann"), InputError("ann", hint="ann")):
        note_end(path, "r-1", DECLINED, error)
    assert "ann" not in path.read_text()
    note_end(path, "r-2", DECLINED, CatalogueError("not accepted"))
    assert [end.why for end in run_ends(path)] == [
        "not accepted",
        "there is a mistake in this party's tables or files",
    ]


def test_lines_that_say_no_end_are_left_out(tmp_path: Path) -> None:
    """One that was cut, one of another kind, bytes that are no text."""
    path = tmp_path / "ended.jsonl"
    note_end(path, "r-1", FAILED, RunFailed("silent", hint="ask"))
    whole = path.read_text()
    path.write_text(f'{whole[:20]}\n[]\n{{"run": "x"}}\n{whole}')
    assert [end.to_do for end in run_ends(path)] == ["ask"]
    path.write_bytes(b"\xff\xfe")
    assert run_ends(path) == ()


def test_a_disk_that_refuses_stops_nothing(tmp_path: Path) -> None:
    """The node goes on without."""
    note_end(tmp_path, "r-1", FAILED, RunFailed("silent"))
    assert run_ends(tmp_path) == ()


def test_the_file_stays_small(tmp_path: Path) -> None:
    """However often a run is asked for: what is old is set aside once."""
    path = tmp_path / "ended.jsonl"
    note_end(path, "long", FAILED, RunFailed("x" * (1 << 20)))
    note_end(path, "r-2", FAILED, RunFailed("silent"))
    assert [end.run for end in run_ends(path)] == ["r-2"]
    assert {each.name for each in tmp_path.iterdir()} == {"ended.jsonl", "ended.jsonl.old"}
