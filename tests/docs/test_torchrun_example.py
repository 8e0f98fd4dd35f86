"""The page for a party on several processes, run as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

from feddmf_party.data.arrow import parquet
from support.pages import ROOT, run_page


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    """Both runs finish, by two processes of one torchrun and by one process of each of two."""
    for name in ("first_federation", "torchrun"):
        shutil.copytree(ROOT / "examples" / name, tmp_path / "examples" / name)
    page = tmp_path / "examples" / "torchrun" / "README.md"
    said = run_page(page, tmp_path, ("18480", "18481", "18482"), within_s=220)
    for number in (1, 2):
        assert f"run first-federation-{number} finished: 43 rounds" in said
    best = parquet.read_table(tmp_path / "out" / "torchrun" / "north" / "best.parquet")
    assert best.num_rows == 10 * 18
