"""The page for a party on several processes, run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from feddmf_party.data.arrow import parquet
from support.pages import ROOT, shell_blocks
from support.ports import free_ports


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    """Both runs finish, by two processes of one torchrun and by one process of each of two."""
    for name in ("first_federation", "torchrun"):
        shutil.copytree(ROOT / "examples" / name, tmp_path / "examples" / name)
    # The page's own first line puts the checkout's .venv on the path; here it is the one that runs the test.
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "\n".join(shell_blocks(tmp_path / "examples" / "torchrun" / "README.md"))
    # The page's ports may be taken on a machine where others try it too.
    for written, free in zip(("18480", "18481", "18482"), free_ports(3), strict=True):
        script = script.replace(written, str(free))
    made = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    for number in (1, 2):
        assert f"run first-federation-{number} finished: 43 rounds" in made.stdout
    best = parquet.read_table(tmp_path / "out" / "torchrun" / "north" / "best.parquet")
    assert best.num_rows == 10 * 18
