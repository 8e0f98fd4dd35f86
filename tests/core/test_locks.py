"""One process at a time in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from feddmf.errors import LocalResourceError
from feddmf.locks import only_one


def test_a_lock_that_is_held_is_refused(tmp_path: Path) -> None:
    """Whoever comes second hears who holds the folder; afterwards the lock is free again."""
    with only_one(tmp_path / "lock", doing="running a node in"):
        with (
            pytest.raises(
                LocalResourceError, match=f"another process is running a node in {tmp_path}"
            ) as caught,
            only_one(tmp_path / "lock", doing="running a node in"),
        ):
            pytest.fail("two hold the lock")
        assert "end it first" in caught.value.hint
    with only_one(tmp_path / "lock", doing="running a node in"):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A process that dies without a word leaves no lock behind."""
    code = (
        "import os, sys; from pathlib import Path; from feddmf.locks import only_one\n"
        "with only_one(Path(sys.argv[1]), doing='x'): os._exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    assert done.returncode == 7
    with only_one(tmp_path / "lock", doing="x"):
        pass


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    """A lock in no folder is a local resource error, not a traceback."""
    with (
        pytest.raises(LocalResourceError, match="cannot write"),
        only_one(tmp_path / "no" / "lock", doing="x"),
    ):
        pytest.fail("there is no such folder")
