"""Write made-up tables of two shops, their catalogue and a run file into the folder that is named.

Customers have one of three tastes. Both shops sell the matched items; each has some of its own. The
south shop also knows its customers' countries, which go with taste.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from pathlib import Path

TASTES = ("garden", "kitchen", "sport")
COUNTRY = {"garden": "FR", "kitchen": "DE", "sport": "PT"}
MATCHED, OWN, USERS = 36, 18, 400
# Chances to buy an item of one's own taste and of another, and to live where one's taste does.
LIKES, STRAYS, AT_HOME = 0.45, 0.05, 0.9

RUN_FILE = """\
name = "first federation"
purpose = "Tell which customers would like what only the other shop sells."
parties = ["north", "south"]
"""


def main(folder: Path) -> None:
    """Write everything; the same files every time."""
    draw = random.Random(7)  # noqa: S311  (made-up shoppers need no secret)
    matched = [f"item-{n:03}" for n in range(MATCHED)]
    own = {shop: [f"{shop}-{n:03}" for n in range(OWN)] for shop in ("north", "south")}
    for shop, exclusive in own.items():
        (folder / shop).mkdir(parents=True, exist_ok=True)
        tastes = [draw.choice(TASTES) for _ in range(USERS)]
        pairs = [
            (f"{shop[0]}{user:04}", f"{shop[0].upper()}:{item}")
            for user, taste in enumerate(tastes)
            for item in matched + exclusive
            if draw.random() < (LIKES if taste_of(item) == taste else STRAYS)
        ]
        write(folder / shop / "interactions.csv", ("user", "item"), pairs)
        if shop == "south":
            homes = [COUNTRY[taste if draw.random() < AT_HOME else draw.choice(TASTES)] for taste in tastes]
            users = [(f"{shop[0]}{user:04}", home) for user, home in enumerate(homes)]
            write(folder / shop / "users.csv", ("user", "country"), users)
    rows = [(key, label(key), f"N:{key}", f"S:{key}") for key in matched]
    rows += [(key, label(key), f"N:{key}", "") for key in own["north"]]
    rows += [(key, label(key), "", f"S:{key}") for key in own["south"]]
    rows += [(f"country-{name}", f"lives in {name}", "", f"country={name}") for name in ("DE", "FR", "PT")]
    write(folder / "catalogue.csv", ("key", "label", "local_id:north", "local_id:south"), rows)
    (folder / "run.toml").write_text(RUN_FILE, encoding="utf-8")


def taste_of(item: str) -> str:
    """Return the taste that an item is for."""
    return TASTES[int(item[-3:]) % len(TASTES)]


def label(item: str) -> str:
    """Return what an item is called."""
    return f"{taste_of(item)} {item}"


def write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
