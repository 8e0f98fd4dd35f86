"""Commands of a Markdown page, to be run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from support.ports import free_ports

__all__ = [
    "PAGES",
    "ROOT",
    "blocks",
    "lend_environment",
    "plain",
    "prose",
    "run_page",
    "run_script",
    "shell_blocks",
]

ROOT = Path(__file__).parents[2]
# Everything that is written for people.
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """Return the page's blocks of one language in order, indented ones (in a list or a tab) at the margin."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [textwrap.dedent(text) for _, name, text in found if name == language]


def shell_blocks(page: Path) -> list[str]:
    """Return the page's ```sh blocks in order."""
    return blocks(page, "sh")


def plain(page: Path) -> str:
    """Return the page's text outside of its blocks and code spans."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", text)


def prose(page: Path) -> list[str]:
    """Return the code spans of the page outside of its blocks, on one line each."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def run_page(page: Path, root: Path, ports: tuple[str, ...], *, within_s: float) -> str:
    """Run the page's commands in `root`, as in a checkout; return what they print. They must all succeed.

    ports: those that the page names, which may be taken on a machine where others try it too.
    """
    script = "\n".join(shell_blocks(page))
    for written, free in zip(ports, free_ports(len(ports)), strict=True):
        script = script.replace(written, str(free))
    return run_script(script, root, within_s=within_s)


def run_script(script: str, root: Path, *, within_s: float) -> str:
    """Run commands in `root`, as in a checkout; return what they print. They must all succeed."""
    lend_environment(root)
    made = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
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


def lend_environment(root: Path) -> None:
    """Make `root` have a .venv, as pages expect of a checkout: here it is the one that runs the test."""
    if not (root / ".venv").exists():
        (root / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
