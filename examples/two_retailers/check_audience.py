"""Hold an audience against the truth that was held back: how many of these customers bought the product.

Usage: check_audience.py AUDIENCE.csv TRUTH.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def main(audience: Path, truth: Path) -> None:
    """Count the customers of the audience who have its attribute."""
    with audience.open(encoding="utf-8", newline="") as file:
        chosen = [(row["user"], row["attribute"]) for row in csv.DictReader(file)]
    with truth.open(encoding="utf-8", newline="") as file:
        bought = {(row["user"], row["key"]) for row in csv.DictReader(file)}
    buyers = sum(key == chosen[0][1] for _, key in bought)
    hits = sum(pair in bought for pair in chosen)
    print(f"{hits} of {len(chosen)} bought {chosen[0][1]}, which {buyers} of all customers did")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
