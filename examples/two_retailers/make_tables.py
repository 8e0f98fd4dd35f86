"""Deal Online Retail to two companies: tables, the catalogue, a run file, and the truth that is held back.

Usage: make_tables.py FOLDER [FOLDER WITH DATA SETS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from feddmf_party.datasets.folders import write_federation
from feddmf_party.datasets.registry import load_dataset
from feddmf_party.datasets.split import split

RUN_FILE = """\
name = "two retailers"
purpose = "Find which of our customers would buy what only the other company sells."
parties = ["north", "south"]

# A short training, for a first time. Take both sections away for the one that the figures are of.
[training]
epochs = 5

[enforcement]
not_following = "report"
"""


def main(folder: Path, data_dir: Path | None = None) -> None:
    """Write everything; the same files every time."""
    dataset = load_dataset("online-retail", data_dir)
    dealt = split(dataset.users, dataset.items, dataset.pairs, seed=0)
    write_federation(dataset, dealt, folder)
    (folder / "run.toml").write_text(RUN_FILE, encoding="utf-8")
    for company, side in dealt.parties.items():
        print(f"{company}: {len(side.users)} customers, {len(side.items)} products, {len(side.own)} its own")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
