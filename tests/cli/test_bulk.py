"""`feddmf query bulk`: the numbers of `query predict`, its rules of trust, and what cannot be written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from feddmf import files
from feddmf_party.data.arrow import parquet
from support.cli import Cli, listing
from support.finished import hidden_cells, history_run

USERS = {f"u{number:02}": number / 10 - 1 for number in range(20)}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return a folder with a run: bolt's items can be trusted, those of cargo cannot."""
    hidden = {"bolt": hidden_cells(600, 60, skill=1.0), "cargo": hidden_cells(60, 40, skill=0.0)}
    peers = {
        "bolt": {"pen": 1.0, "cup": -2.0, "vip=yes": (0.5, 0.9, 0.01), "old=yes": (0.0, 0.5, 0.1)},
        "cargo": {"hat": 1.0},
    }
    history_run(tmp_path / "party" / "runs" / "r-1", USERS, peers, hidden)
    return tmp_path / "party"


def rows_of(path: Path) -> list[dict[str, object]]:
    """Return the rows of a file."""
    rows: list[dict[str, object]] = parquet.read_table(path).to_pylist()
    return rows


def test_all_cells_are_those_of_predict(cli: Cli, kept: Path, tmp_path: Path) -> None:
    """Every user's every attribute, by user: the same numbers, columns and words on them."""
    (tmp_path / "keys.txt").write_text("attribute\npen\ncup\nvip=yes\n")
    out, known = tmp_path / "all.parquet", tmp_path / "predicted.parquet"
    asked = ["query", "bulk", "--folder", kept, "--attributes", tmp_path / "keys.txt"]
    data = cli.data(*asked, "--out", out, "--top", 99, "--by", "user")
    chosen = ["--attribute=pen", "--attribute=cup", "--attribute=vip=yes"]
    predicted = cli.data("query", "predict", *chosen, "--folder", kept, "--out", known)
    assert (data["rows"], data["left_out"], data["run"]) == (60, [], "r-1")
    assert data["attributes"] == predicted["attributes"]

    def by_cell(row: dict[str, object]) -> tuple[str, str]:
        return str(row["user"]), str(row["attribute"])

    found, expected = sorted(rows_of(out), key=by_cell), sorted(rows_of(known), key=by_cell)
    assert [list(row) for row in found] == [list(row) for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one == {**other, "probability": pytest.approx(other["probability"], abs=1e-6)}
    metadata, usual = parquet.read_schema(out).metadata, parquet.read_schema(known).metadata
    assert {name: metadata[name] for name in usual} == dict(usual)
    assert metadata[b"feddmf.top"] == b"99 by user"


def test_each_attribute_has_the_audience_that_one_question_gives(
    cli: Cli, kept: Path, tmp_path: Path
) -> None:
    """Best first, and no more than was asked for."""
    out = tmp_path / "best.parquet"
    (tmp_path / "keys.txt").write_text("cup\n")
    text = cli.text(
        *("query", "bulk", "--folder", kept, "--attributes", tmp_path / "keys.txt"),
        *("--out", out, "--top", 3),
    )
    assert text == f"3 rows in {out}\n"
    ranked = cli.data("query", "audience", "--attribute=cup", "--size=3", "--folder", kept)["users"]
    assert [row["user"] for row in rows_of(out)] == [row["user"] for row in ranked]


def test_what_is_of_no_use_is_left_out_and_said(
    cli: Cli, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of everything that is offered; whoever wants it all the same says so."""
    out = tmp_path / "best.parquet"
    asked = ["query", "bulk", "--folder", kept, "--top", 2]
    code, said, told = cli.call(*asked, "--out", out, "--format", "json")
    data = json.loads(said)["data"]
    assert (code, data["left_out"]) == (0, ["old=yes", "hat"])
    assert "2 of 5 attributes are left out, as answers would be of no use" in told
    assert {row["attribute"] for row in rows_of(out)} == {"pen", "cup", "vip=yes"}
    data = cli.data(*asked, "--out", tmp_path / "more.parquet", "--anyway")
    assert (data["left_out"], data["rows"]) == ([], 10)
    data = cli.data(*asked, "--out", tmp_path / "bolt.parquet", "--owner", "bolt")
    assert (data["left_out"], data["rows"]) == (["old=yes"], 6)


def test_what_is_named_and_of_no_use_is_refused(cli: Cli, kept: Path, tmp_path: Path) -> None:
    """As `query predict` refuses it, unless it is wanted anyway."""
    (tmp_path / "keys.txt").write_text("pen\nhat\n")
    asked = ["query", "bulk", "--folder", kept, "--attributes", tmp_path / "keys.txt", "--top", 2]
    out = tmp_path / "best.parquet"
    assert "does not answer for 'hat'" in cli.fails(4, *asked, "--out", out)
    assert "does not answer for 'hat'" in cli.fails(
        4, "query", "bulk", "--folder", kept, "--owner", "cargo", "--top", 2, "--out", out
    )
    assert not out.exists()
    assert cli.data(*asked, "--out", out, "--anyway")["rows"] == 4


def test_what_cannot_be_is_said_before_anything_is_scored(cli: Cli, kept: Path, tmp_path: Path) -> None:
    """Unknown attributes and owners, a file that is there, a name that is none, the party's own files."""
    (tmp_path / "keys.txt").write_text("pen\npenn\n")
    (tmp_path / "own.txt").write_text("own-0\n")
    (tmp_path / "none.txt").write_text("attribute\n\n")
    (tmp_path / "there.parquet").write_text("")
    before = listing(tmp_path)
    asked = ["query", "bulk", "--folder", kept, "--top", 2, "--out"]
    out = tmp_path / "best.parquet"
    for message, *options in (
        ("no peer published an attribute 'penn'", out, "--attributes", tmp_path / "keys.txt"),
        ("'own-0' is this party's own item", out, "--attributes", tmp_path / "own.txt"),
        ("names no attribute", out, "--attributes", tmp_path / "none.txt"),
        ("cannot read the attributes", out, "--attributes", tmp_path / "absent.txt"),
        ("is there already", tmp_path / "there.parquet"),
        ("is no name of a Parquet file", tmp_path / "best.csv"),
        ("is one of the party's own files", kept / "runs" / "best.parquet"),
        ("dora published nothing", out, "--owner", "dora"),
    ):
        code, _, told = cli.call(*asked, *options)
        assert code == 4
        assert message in told
        assert "to do: " in told
    assert listing(tmp_path) == before


def test_a_full_disk_leaves_nothing(
    cli: Cli, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 6, what to do, and no file."""

    def refuse(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_fsync", refuse)
    before = listing(tmp_path)
    asked = ["query", "bulk", "--folder", kept, "--top", 2, "--out", tmp_path / "new" / "best.parquet"]
    assert "No space left on device" in cli.fails(6, *asked)
    assert listing(tmp_path) == before


def test_a_place_that_cannot_be_written_is_said(cli: Cli, kept: Path, tmp_path: Path) -> None:
    """A file where a folder would have to be."""
    (tmp_path / "file").write_text("")
    asked = ["query", "bulk", "--folder", kept, "--top", 2, "--out", tmp_path / "file" / "best.parquet"]
    assert "cannot write" in cli.fails(6, *asked)
