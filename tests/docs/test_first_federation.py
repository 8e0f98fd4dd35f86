"""The page for a first federation, run as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.pages import ROOT, run_page


def test_every_command_of_the_first_federation_works(tmp_path: Path) -> None:
    """Pasting the page ends with an exported audience, and simulation agrees bit for bit."""
    page = ROOT / "examples" / "first_federation" / "README.md"
    (tmp_path / "examples").mkdir()
    shutil.copytree(page.parent, tmp_path / "examples" / "first_federation")
    said = run_page(page, tmp_path, ("18470", "18471"), within_s=180)
    assert "run first-federation-1 finished: 43 rounds" in said
    exported = (tmp_path / "out" / "first" / "north" / "countries.csv").read_text().splitlines()
    assert exported[0] == "user,attribute,owner,probability,above_threshold,verdict"
    assert len(exported) == 1 + 2 * 400
