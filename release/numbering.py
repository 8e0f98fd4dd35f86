"""Which release this tree leads to, and which numbers must be the same by then."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

__all__ = ["coming", "dated", "image_tags"]

ROOT = Path(__file__).parents[1]


def coming() -> str:
    """Return the number of the release that this tree is, or leads to: what pyproject.toml falls back to."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"][
        "version"
    ]
    return str(settings["fallback-version"]).partition(".dev")[0]


def dated() -> set[str]:
    """Return the numbers of the releases that CHANGELOG.md has a dated section of."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return set(re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", text, re.MULTILINE))


def image_tags() -> set[str]:
    """Return the tags of the images in examples/deploy, and what the Dockerfile calls the version."""
    files = [path for path in (ROOT / "examples" / "deploy").rglob("*") if path.is_file()]
    texts = [path.read_text(encoding="utf-8") for path in files]
    tags = [tag for text in texts for tag in re.findall(r"\bfeddmf-(?:party|coordinator):([\w.]+)", text)]
    return {
        *tags,
        *(said for text in texts for said in re.findall(r"^ARG VERSION=(.*)$", text, re.MULTILINE)),
    }
