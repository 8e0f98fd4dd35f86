"""`feddmf audiences`: saved under a name, listed, shown, written to a file, removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf_party.audiences.exports import Export, ExportFiles
from support.cli import Cli, listing
from support.finished import finished_run, hidden_cells, history_run

USERS = {"ann": 1.0, "bob": -2.0, "cat": 2.0, "dan": 0.5}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with a run in which bolt published two items and a user attribute."""
    peers: dict[str, dict[str, float | tuple[float, float, float]]] = {
        "bolt": {"pen": 1.0, "cup": -0.5, "gold=yes": (0.3, 0.8, 0.02)}
    }
    history_run(tmp_path / "acme" / "runs" / "r-1", USERS, peers, {"bolt": hidden_cells(60, 40, skill=1.0)})
    return tmp_path / "acme"


def test_an_audience_goes_from_its_name_to_a_file(cli: Cli, home: Path, tmp_path: Path) -> None:
    """What a person reads on the way, and the same rows as without saving it."""
    folder = ("--folder", home)
    assert cli.text("audiences", "list", *folder) == "no audience is saved\n"
    text = cli.text("audiences", "save", "pens", "--attribute", "pen", "--size", 3, *folder)
    assert text == "3 users are saved as pens\n"
    header, row = cli.text("audiences", "list", *folder).splitlines()
    assert header.split()[:4] == ["name", "users", "who", "cut"]
    assert row.startswith("pens      3  pen  3 users")
    assert row.endswith("UTC  the command line")
    out = tmp_path / "pens.csv"
    assert cli.text("audiences", "export", "pens", "--out", out, *folder) == f"3 rows in {out}\n"
    plain = tmp_path / "plain.csv"
    cli.text("query", "audience", "--attribute", "pen", "--size", 3, "--out", plain, *folder)
    assert out.read_text() == plain.read_text()
    assert (
        cli.text("audiences", "remove", "pens", *folder) == "audience pens is removed, with 0 files of it\n"
    )
    assert "no audience is saved as 'pens'" in cli.fails(4, "audiences", "show", "pens", *folder)


def test_a_run_that_came_later_changes_nothing(cli: Cli, home: Path, tmp_path: Path) -> None:
    """A saved audience is of its run; without that run there is an error."""
    folder = ("--folder", home)
    cli.text("audiences", "save", "pens", "--attribute", "pen", "--above", "0.6", *folder)
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    cli.text("audiences", "export", "pens", "--out", before, *folder)
    finished_run(home / "runs" / "r-2", {"eva": 1.0}, {"bolt": {"pen": 1.0}})
    cli.text("audiences", "export", "pens", "--out", after, *folder)
    assert before.read_text() == after.read_text()
    (home / "runs" / "r-1").rename(tmp_path / "r-1")
    assert "no finished run 'r-1'" in cli.fails(4, "audiences", "export", "pens", "--out", after, *folder)


def test_exports_of_the_query_api_are_shown_and_removed(cli: Cli, home: Path) -> None:
    """Of this audience alone; whoever writes one of them finds it gone."""
    folder = ("--folder", home)
    cli.text("audiences", "save", "pens", "--attribute", "pen", *folder)
    files = ExportFiles(home / "exports")
    mine, other, busy = (Export.asked(name, "r-1", "csv", by="eva") for name in ("pens", "cups", "pens"))
    for each in (mine.done(1, 9), other.done(1, 9), busy.running()):
        files.keep(each)
    shown = cli.text("audiences", "show", "pens", *folder)
    assert f"export {mine.id}  csv, done, 1 rows" in shown
    assert other.id not in shown
    assert cli.data("audiences", "remove", "pens", *folder)["exports_removed"] == 2
    assert {each.id for each in files.all()} == {other.id}


def test_mistakes_are_named_and_nothing_is_saved(cli: Cli, home: Path) -> None:
    """Nobody wanted, two cuts, a bad name, an unknown key, a file over the party's own."""
    folder, save = ("--folder", home), ("audiences", "save")
    cli.text(*save, "pens", "--attribute", "pen", *folder)
    before = listing(home)
    pen = ("--attribute", "pen")
    assert "an audience needs an attribute" in cli.fails(4, *save, "a", "--not", "pen", *folder)
    assert "each cut the ranking" in cli.fails(4, *save, "a", *pen, "--size", 1, "--threshold", *folder)
    assert "cannot be the name" in cli.fails(4, *save, "A", *pen, *folder)
    assert "is saved as 'pens' already" in cli.fails(4, *save, "pens", *pen, *folder)
    assert "no peer published" in cli.fails(4, *save, "a", "--attribute", "pan", *folder)
    own = home / "audiences" / "pens.csv"
    assert "party's own" in cli.fails(4, "audiences", "export", "pens", "--out", own, *folder)
    assert listing(home) == before
