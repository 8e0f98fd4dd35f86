"""The page for a first federation, run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.pages import ROOT, shell_blocks
from support.ports import free_ports


def test_every_command_of_the_first_federation_works(tmp_path: Path) -> None:
    """Pasting the page ends with an exported audience, and simulation agrees bit for bit."""
    page = ROOT / "examples" / "first_federation" / "README.md"
    (tmp_path / "examples").mkdir()
    shutil.copytree(page.parent, tmp_path / "examples" / "first_federation")
    # The page's own first line puts the checkout's .venv on the path; here it is the one that runs the test.
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "\n".join(shell_blocks(page))
    # The page's ports may be taken on a machine where others try it too.
    for written, free in zip(("18470", "18471"), free_ports(2), strict=True):
        script = script.replace(written, str(free))
    made = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "run first-federation-1 finished: 43 rounds" in made.stdout
    exported = (tmp_path / "out" / "first" / "north" / "countries.csv").read_text().splitlines()
    assert exported[0] == "user,attribute,owner,probability,above_threshold,verdict"
    assert len(exported) == 1 + 2 * 400
