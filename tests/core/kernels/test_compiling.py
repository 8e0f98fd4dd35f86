"""Compiled code on disk is that of the kernels as they are, and does without a disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feddmf.kernels import compiling

PACKAGE = Path(compiling.__file__).parent
INNER = """
from feddmf.kernels.compiling import inlined


@inlined
def twice(value: float) -> float:
    return 2.0 * value
"""
OUTER = """
from feddmf.kernels.compiling import compiled
from feddmf.kernels.inner import twice


@compiled
def shifted(value: float) -> float:
    return twice(value) + 1.0
"""
SHOW = "from feddmf.kernels.outer import shifted; print(shifted(3.0), *shifted.stats.cache_hits.values())"
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)); "


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder with a package `feddmf` of two kernels, one inlined in the other."""
    kernels = tmp_path / "feddmf" / "kernels"
    kernels.mkdir(parents=True)
    for folder in (kernels, kernels.parent):
        (folder / "__init__.py").touch()
    shutil.copy(PACKAGE / "compiling.py", kernels)
    (kernels / "inner.py").write_text(INNER)
    (kernels / "outer.py").write_text(OUTER)
    return tmp_path


def ran(folder: Path, code: str, **environ: str) -> list[str]:
    """Return the words that `code` prints in a process of its own."""
    kept = {name: each for name, each in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    made = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"],
        env=kept | {"XDG_CACHE_HOME": str(folder / "user"), "PYTHONDONTWRITEBYTECODE": "1"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()


def test_a_changed_inlined_kernel_is_compiled_anew(copied: Path) -> None:
    """The second process takes what the first one kept; after an edit of the inner file it does not."""
    assert ran(copied, SHOW) == ["7.0"]
    assert ran(copied, SHOW) == ["7.0", "1"]
    inner = copied / "feddmf" / "kernels" / "inner.py"
    inner.write_text(INNER.replace("2.0 *", "5.0 *"))
    assert ran(copied, SHOW) == ["16.0"]
    assert len(list((copied / "user" / "feddmf" / "kernels").iterdir())) == 2


def test_a_full_disk_costs_the_cache_alone(copied: Path) -> None:
    """Where files cannot be written to their end, results are the same, and nothing is raised."""
    assert ran(copied, FULL + SHOW) == ["7.0"]
    assert ran(copied, SHOW) == ["7.0"]
    (kept,) = (copied / "user").rglob("outer.shifted*.nbc")
    kept.write_bytes(b"")
    assert ran(copied, SHOW) == ["7.0"]


def test_numbas_own_folder_is_used_where_one_is_set(copied: Path) -> None:
    """Code lies in a folder within it, and nowhere else."""
    chosen = copied / "chosen"
    assert ran(copied, SHOW, NUMBA_CACHE_DIR=str(chosen)) == ["7.0"]
    assert [each.name for each in chosen.iterdir()] == ["feddmf-kernels"]
    assert not (copied / "user").exists()


def test_without_any_place_kernels_still_run(copied: Path) -> None:
    """A file in place of each folder leaves code in memory."""
    (copied / "user").touch()
    (copied / "feddmf" / "kernels" / "__pycache__").touch()
    assert ran(copied, SHOW) == ["7.0"]


def test_old_folders_go_when_there_are_many(tmp_path: Path) -> None:
    """The newest of the others stay, whoever they belong to."""
    folders = [tmp_path / f"{number:02}" for number in range(10)]
    for age, folder in enumerate(folders):
        folder.mkdir()
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    compiling._tidy(tmp_path, folders[9])
    assert sorted(tmp_path.iterdir()) == [*folders[:7], folders[9]]
