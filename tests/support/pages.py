"""Commands of a Markdown page, to be run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.ports import free_ports

__all__ = ["ROOT", "run_page", "shell_blocks"]

ROOT = Path(__file__).parents[2]


def shell_blocks(page: Path) -> list[str]:
    """Return the page's ```sh blocks in order."""
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run_page(page: Path, root: Path, ports: tuple[str, ...], *, within_s: float) -> str:
    """Run the page's commands in `root`, as in a checkout; return what they print. They must all succeed.

    ports: those that the page names, which may be taken on a machine where others try it too.
    """
    # The page's own first line puts the checkout's .venv on the path; here it is the one that runs the test.
    (root / ".venv").mkdir()
    (root / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "\n".join(shell_blocks(page))
    for written, free in zip(ports, free_ports(len(ports)), strict=True):
        script = script.replace(written, str(free))
    made = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout
