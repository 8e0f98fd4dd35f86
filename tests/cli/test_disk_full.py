"""A disk that fills while a command writes: exit code 6, what to do, and the folder as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feddmf import files
from support.authority import EnrolledFederation
from support.cli import Cli, listing
from support.finished import finished_run
from support.shops import Shops


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second file that is written on, the disk takes no more."""
    written = []
    fsync = files._fsync

    def fill_up(path: Path) -> None:
        written.append(path)
        if len([path for path in written if path.name.endswith(".part")]) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(path)

    monkeypatch.setattr(files, "_fsync", fill_up)


@pytest.fixture
def quite_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing at all."""

    def refuse(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_fsync", refuse)


COMMANDS = {
    "party init": ["party", "init", "--folder", "HERE/new/party"],
    "coordinator init": ["coordinator", "init", "fed", "--folder", "HERE/new/coordinator"],
    "coordinator init here": ["coordinator", "init", "fed", "--folder", "HERE/empty"],
    "invite": ["coordinator", "invite", "carol", "--folder", "HERE/federation/coordinator"],
    "invite to": [
        *("coordinator", "invite", "carol", "--folder", "HERE/federation/coordinator"),
        *("--file", "HERE/new/carol.toml"),
    ],
    "renew": ["coordinator", "renew", "--folder", "HERE/federation/coordinator"],
    "offer": ["attributes", "offer", "acme-000", "--folder", "HERE/federation/acme"],
    "predict csv": ["query", "predict", "--attribute=a", "--folder", "HERE/kept", "--out", "HERE/new/x.csv"],
    "predict parquet": [
        "query",
        "predict",
        "--attribute=a",
        "--folder",
        "HERE/kept",
        "--out",
        "HERE/x.parquet",
    ],
    "audience": ["query", "audience", "--attribute=a", "--folder", "HERE/kept", "--out", "HERE/new/x.csv"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_leaves_no_trace(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path, quite_full: None, name: str
) -> None:
    """Nothing half-written and no folder that was made for it; what was there is as it was."""
    prepared(tmp_path)
    before = without_database(listing(tmp_path))
    said = cli.fails(6, *(part.replace("HERE", str(tmp_path)) for part in COMMANDS[name]))
    assert "No space left on device" in said
    assert "free space on that disk and run the command again" in said
    assert without_database(listing(tmp_path)) == before


@pytest.mark.parametrize("name", ["party init", "coordinator init", "coordinator init here"])
def test_a_disk_that_fills_half_way_leaves_no_trace(cli: Cli, tmp_path: Path, full: None, name: str) -> None:
    """The files that were whole by then are gone as well, so that the command can be run again."""
    prepared(tmp_path)
    before = listing(tmp_path)
    command = [part.replace("HERE", str(tmp_path)) for part in COMMANDS[name]]
    assert "No space left" in cli.fails(6, *command, json=False)
    assert listing(tmp_path) == before


def prepared(folder: Path) -> None:
    """Make an empty folder, and the folder of a finished run."""
    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as usual:
        usual.setattr(files, "_fsync", lambda _path: None)
        finished_run(folder / "kept" / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}})


def without_database(found: dict[str, bytes | None]) -> dict[str, bytes | None]:
    """Leave out the database's files, whose pages move while their content stays."""
    return {name: content for name, content in found.items() if "coordinator.db" not in name}


def test_an_invitation_that_could_not_be_written_is_not_one(
    cli: Cli, federation: EnrolledFederation, quite_full: None
) -> None:
    """The database knows of no invitation whose file nobody has."""
    folder = federation.folder.path
    cli.fails(6, "coordinator", "invite", "carol", "--folder", folder)
    parties = cli.data("coordinator", "status", "--folder", folder)["parties"]
    assert [each["party"] for each in parties] == ["acme", "bolt"]


def test_a_simulation_on_a_full_disk_has_not_finished(
    cli: Cli, made_shops: Shops, tmp_path: Path, full: None
) -> None:
    """What was kept by then is no finished run, so nobody can ask it."""
    said = cli.fails(6, *made_shops.simulate(tmp_path / "out"), json=False)
    assert "No space left on device" in said
    assert not list(tmp_path.glob("out/*/runs/*/run.json"))
    assert not list(tmp_path.glob("out/**/*.part"))
    assert "has finished no run" in cli.fails(4, "attributes", "list", "--folder", tmp_path / "out" / "acme")


LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2); "
LIMITED += "from feddmf.cli.main import main; main()"


def limited(size: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that may write files of up to `size` bytes."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path, form: str) -> None:
    """The operating system's own refusal in the middle of a file, met by either writer."""
    users = {f"u{number:05}": number / 1e4 for number in range(5_000)}
    finished_run(tmp_path / "kept" / "runs" / "r-1", users, {"bolt": {"a": 1.0}})
    out = tmp_path / "new" / f"x.{form}"
    made = limited(20_000, "query", "predict", "--attribute=a", "--folder", tmp_path / "kept", "--out", out)
    assert made.returncode == 6, made.stderr
    error, hint = made.stderr.splitlines()
    assert error == f"error: cannot write {out}: File too large"
    assert "free space" in hint
    assert made.stdout == ""
    assert not out.parent.exists()


def test_a_database_that_cannot_grow_keeps_what_it_has(
    federation: EnrolledFederation, tmp_path: Path, cli: Cli
) -> None:
    """A catalogue that does not fit is not published, and the one before stands."""
    file, folder = tmp_path / "large.csv", federation.folder.path
    rows = (f"key-{number:06},{'label' * 30},a{number},b{number}\n" for number in range(5_000))
    file.write_text("key,label,local_id:acme,local_id:bolt\n" + "".join(rows))
    made = limited(300_000, "catalog", "publish", file, "--folder", folder)
    assert made.returncode == 6, made.stderr
    error, hint = made.stderr.splitlines()
    assert error.startswith(f"error: cannot use the database {folder}")
    assert hint.startswith("  to do: ")
    assert cli.data("coordinator", "status", "--folder", folder)["catalogue_version"] == 1
    cli.text("catalog", "publish", file, "--folder", folder)
