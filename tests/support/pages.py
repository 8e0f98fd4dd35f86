"""Commands of a Markdown page, to be run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["ROOT", "shell_blocks"]

ROOT = Path(__file__).parents[2]


def shell_blocks(page: Path) -> list[str]:
    """Return the page's ```sh blocks in order."""
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
