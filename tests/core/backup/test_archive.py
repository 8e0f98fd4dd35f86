"""A backup as one file: whole, private, and nothing else than what was put in."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from feddmf.backup.archive import archiving, restoring, unpack, verify
from feddmf.backup.moment import at_one_moment, remove_left_behind
from feddmf.backup.outcome import left_out
from feddmf.errors import InputError, LocalResourceError
from feddmf.progress import NOBODY, Progress
from support.heard import Heard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files, one of them its owner's alone, and an empty folder."""
    made = tmp_path / "folder"
    (made / "deep" / "empty").mkdir(parents=True)
    (made / "deep" / "a.bin").write_bytes(bytes(range(256)) * 10_000)
    (made / "b.txt").write_text("b")
    (made / "b.txt").chmod(0o600)
    (made / "serving.lock").touch()
    return made


def _backup(folder: Path, file: Path, progress: Progress = NOBODY) -> Path:
    with archiving(file) as archive, at_one_moment(folder) as moment:
        for name in ("deep", "b.txt", "nothing"):
            moment.hold(name)
        moment.put_into(archive, progress)
        archive.close("party", {"party": "acme"})
    return file


def _contents(folder: Path) -> dict[str, bytes | None]:
    found = (path for path in folder.rglob("*") if not path.name.endswith(".lock"))
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes() for path in found
    }


def test_what_goes_in_comes_out(folder: Path, tmp_path: Path) -> None:
    """Contents, empty folders, and who may read what."""
    file = _backup(folder, tmp_path / "backup.tar")
    assert file.stat().st_mode & 0o777 == 0o600
    whole = verify(file, of="party")
    assert (whole.of, dict(whole.about), sorted(whole.files)) == (
        "party",
        {"party": "acme"},
        ["b.txt", "deep/a.bin"],
    )
    assert whole.bytes == 2_560_001
    out = tmp_path / "out"
    with restoring(out):
        assert unpack(file, out, of="party") == whole
    assert _contents(out) == _contents(folder)
    assert (out / "b.txt").stat().st_mode & 0o777 == 0o600
    assert (out / "deep").stat().st_mode & 0o777 == 0o700
    assert not list(folder.glob(".backup-*"))


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    """Neither a file by a backup nor a folder by what is restored."""
    file = _backup(folder, tmp_path / "backup.tar")
    with pytest.raises(InputError, match="is there already"):
        _backup(folder, file)
    with pytest.raises(InputError, match="is not empty"), restoring(folder):
        pass
    assert (folder / "b.txt").read_text() == "b"


def test_a_backup_that_fails_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """No half file, and no second names in the folder."""

    def fail() -> None:
        with archiving(tmp_path / "b.tar") as archive, at_one_moment(folder) as moment:
            moment.hold("deep")
            moment.put_into(archive)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert not list(folder.glob(".backup-*"))


@pytest.mark.parametrize("existing", [False, True])
def test_what_cannot_be_restored_leaves_nothing(folder: Path, tmp_path: Path, *, existing: bool) -> None:
    """A folder that was there, empty, stays so."""
    file = _backup(folder, tmp_path / "backup.tar")
    whole = file.read_bytes()
    file.write_bytes(whole[:1_000_000] + b"x" + whole[1_000_001:])
    out = tmp_path / "out"
    if existing:
        out.mkdir()
    with pytest.raises(InputError, match=r"deep/a.bin is not what was put in"), restoring(out):
        unpack(file, out, of="party")
    assert out.exists() is existing
    assert not existing or not list(out.iterdir())


def _with_member(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[bytes], bytes]:
    def add(_: bytes) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        return made.getvalue()

    return add


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda whole: whole[: len(whole) // 2], "no whole tar|cut short"),
        (lambda _: b"", "no whole tar|cut short"),
        (lambda _: b"not a tar" * 1_000, "no whole tar"),
        (lambda whole: whole.replace(b'"feddmf_backup": 1', b'"feddmf_backup": 2'), "of another kind, 2"),
        (lambda whole: whole.replace(b'"of": "party"', b'"of": "plant"'), "the backup of a plant"),
        (
            lambda whole: whole.replace(b'"feddmf_backup"', b'"feddmf_backdoor"'[:15]),
            "manifest cannot be read",
        ),
        (lambda whole: whole.replace(b'"b.txt":', b'"c.txt":'), "c.txt is not in it"),
        (_with_member("../out"), "'../out', which no backup does"),
        (_with_member("/etc/passwd"), "'/etc/passwd', which no backup does"),
        (_with_member("link", tarfile.SYMTYPE), "'link', which no backup does"),
        (_with_member("pipe", tarfile.FIFOTYPE), "'pipe', which no backup does"),
    ],
)
def test_what_is_no_backup_is_said_to_be_none(
    folder: Path, tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    """Cut, changed, of another side, or made to write somewhere else."""
    file = _backup(folder, tmp_path / "backup.tar")
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError, match=words) as caught:
        verify(file, of="party")
    assert caught.value.hint
    out = tmp_path / "out"
    with pytest.raises(InputError), restoring(out):
        unpack(file, out, of="party")
    assert not out.exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No raw error comes through."""
    with pytest.raises(InputError, match=r"there is no .*backup\.tar"):
        verify(tmp_path / "backup.tar", of="party")


def test_what_changes_meanwhile_is_kept_as_it_was(folder: Path, tmp_path: Path) -> None:
    """Files replaced, removed and made after the moment, and lines that were added to a growing one."""
    lines = folder / "ledger.jsonl"
    lines.write_text("1\n2\n3")
    file = tmp_path / "backup.tar"
    with archiving(file) as archive, at_one_moment(folder) as moment:
        for name in ("deep", "b.txt", "ledger.jsonl"):
            moment.hold(name)
        (folder / "deep" / "a.bin").unlink()
        beside = folder / "beside"
        beside.write_text("new")
        beside.replace(folder / "b.txt")
        with lines.open("a") as more:
            more.write("\n4\n")
        (folder / "deep" / "new").touch()
        moment.put_into(archive)
        archive.close("party", {})
    out = tmp_path / "out"
    with restoring(out):
        unpack(file, out, of="party")
    assert (out / "b.txt").read_text() == "b"
    assert len((out / "deep" / "a.bin").read_bytes()) == 2_560_000
    assert (out / "ledger.jsonl").read_text() == "1\n2\n"
    assert not (out / "deep" / "new").exists()


def test_a_folder_is_gone_through_again_where_a_file_went(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: a folder that is never still is an error that says so."""
    looks = []
    with at_one_moment(folder) as moment:
        held = moment._hold_file

        def vanish(path: Path) -> object:
            looks.append(path)
            if len(looks) < 3:
                raise FileNotFoundError
            return held(path)

        monkeypatch.setattr(moment, "_hold_file", vanish)
        moment.hold("b.txt")
        assert (len(looks), list(moment.files)) == (3, ["b.txt"])
        monkeypatch.setattr(moment, "_hold_file", lambda _: (_ for _ in ()).throw(FileNotFoundError))
        with pytest.raises(LocalResourceError, match="changes all the time"):
            moment.hold("deep")


def test_what_a_killed_backup_held_is_removed_and_nothing_else(folder: Path) -> None:
    """Second names keep what is erased; those of a backup under way, and others' folders, stay."""
    own = folder / ".backup-of-mine"
    own.mkdir()
    (own / "kept").touch()
    killed = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            (
                "import sys, time; from pathlib import Path; from feddmf.backup.moment import at_one_moment\n"
                "with at_one_moment(Path(sys.argv[1])) as moment:\n"
                "    moment.hold('b.txt'); print(flush=True); time.sleep(600)"
            ),
            str(folder),
        ],
        stdout=subprocess.PIPE,
    )
    assert killed.stdout is not None
    killed.stdout.readline()
    remove_left_behind(folder)
    assert (folder / "b.txt").stat().st_nlink == 2
    killed.kill()
    killed.communicate()
    assert (folder / "b.txt").stat().st_nlink == 2
    with at_one_moment(folder):
        assert (folder / "b.txt").stat().st_nlink == 1
    assert list(folder.glob(".backup-*")) == [own]
    assert (own / "kept").exists()


def test_who_makes_and_who_reads_a_backup_hears_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    """In MB, from nothing to all of it; reading counts the whole file."""
    made, read, unpacked = Heard(), Heard(), Heard()
    file = _backup(folder, tmp_path / "backup.tar", made)
    assert (made.told[0], made.told[-1]) == ((0, 3, "MB packed"), (3, 3, "MB packed"))
    assert len(made.told) > 3
    verify(file, of="party", progress=read)
    assert (read.told[0], read.told[-1]) == ((0, 3, "MB read"), (3, 3, "MB read"))
    with restoring(tmp_path / "out"):
        unpack(file, tmp_path / "out", of="party", progress=unpacked)
    assert unpacked.told == read.told


def test_a_backup_that_is_cancelled_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """Nor does a restoration: whoever is told how far it is may end it."""
    file, out = _backup(folder, tmp_path / "backup.tar"), tmp_path / "out"
    cancelled = Heard(stop=KeyError("enough"), stop_at=1)
    with pytest.raises(KeyError):
        _backup(folder, tmp_path / "b.tar", cancelled)
    with pytest.raises(KeyError), restoring(out):
        unpack(file, out, of="party", progress=cancelled)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "folder"]
    assert not list(folder.glob(".backup-*"))


def test_what_is_left_out_is_what_nobody_knows(tmp_path: Path) -> None:
    """Not what is kept, nor locks, hidden files, and what belongs to something that is known."""
    for name in ("known", "hub.db", "hub.db-wal", ".hidden", "serving.lock", "z.csv", "notes"):
        (tmp_path / name).touch()
    assert left_out(tmp_path, {"known"}, beginnings=("hub.db",)) == ("notes", "z.csv")
