"""Two shops' own files, as people would write them: tables, settings, offers, catalogue and run file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["COUNTRIES", "PARTIES", "Shops", "make_shops", "write_csv"]

PARTIES = ("acme", "bolt")
COUNTRIES = ("France", "Germany")
_SHARED = tuple(f"m{number:02}" for number in range(24))
_USERS = 40
_RUN = """\
name = "Try out"
purpose = "a test"
parties = ["acme", "bolt"]

[model]
embedding_dim = 8
hidden_dim = 8

[training]
epochs = 30
learning_rate = 0.02
batch_size = 256

[alignment]
syncs_per_epoch = 2
probe_share = 0.0
"""


@dataclass(frozen=True)
class Shops:
    """A folder with catalogue.csv, run.toml and one folder a shop; taste follows a user's country."""

    path: Path

    @property
    def catalogue(self) -> Path:
        """The operator's catalogue."""
        return self.path / "catalogue.csv"

    @property
    def run_file(self) -> Path:
        """A run that is over in a moment."""
        return self.path / "run.toml"

    def folder(self, party: str) -> Path:
        """A shop's folder."""
        return self.path / party

    def simulate(self, out: Path) -> list[str]:
        """Return the command that simulates the run."""
        parties = [f"--party={party}={self.folder(party)}" for party in PARTIES]
        return ["simulate", str(self.run_file), "--catalog", str(self.catalogue), *parties, "--out", str(out)]


def make_shops(path: Path) -> Shops:
    """Write two shops that share 24 items; bolt also knows its users' countries, and offers them.

    User ids hold commas and quotes, labels quotes and letters beyond ASCII. Items of even number have
    fans in France, of odd number in Germany.
    """
    shops = Shops(path)
    own = {party: tuple(f"{party}-{number:02}" for number in range(6)) for party in PARTIES}
    generator = np.random.default_rng(3)
    for party in PARTIES:
        folder = shops.folder(party)
        folder.mkdir(parents=True)
        items = _SHARED + own[party]
        users = [f'{party}, "u{number:02}"' for number in range(_USERS)]
        country = np.arange(_USERS) % 2
        fits = (np.arange(len(items))[None, :] % 2) == country[:, None]  # [users, items]
        bought = generator.random(fits.shape) < np.where(fits, 0.8, 0.1)
        pairs = [
            (users[user], local_id(party, items[item])) for user, item in zip(*bought.nonzero(), strict=True)
        ]
        write_csv(folder / "interactions.csv", ("user", "item"), pairs)
        write_csv(
            folder / "users.csv",
            ("user", "country"),
            [(u, COUNTRIES[c]) for u, c in zip(users, country, strict=True)],
        )
        offer = ", ".join(f'"{key}"' for key in own[party])
        settings = '[data]\npath = "interactions.csv"\n'
        if party == "bolt":
            settings += '\n[attributes]\npath = "users.csv"\ncolumns = ["country"]\n'
            offer += "".join(f', "country-{country}"' for country in COUNTRIES)
        (folder / "party.toml").write_text(settings)
        (folder / "offer.toml").write_text(f"items = [{offer}]\n")
    _write_catalogue(shops.catalogue, own)
    shops.run_file.write_text(_RUN)
    return shops


def local_id(party: str, key: str) -> str:
    """Return a shop's own name of an item."""
    return f"{party[0]}{key}"


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_catalogue(path: Path, own: Mapping[str, Sequence[str]]) -> None:
    rows = [(key, key.upper(), *(local_id(party, key) for party in PARTIES)) for key in _SHARED]
    for party, keys in own.items():
        label = f'"{party}s\' café" [bold]'
        rows += [(key, label, *(local_id(p, key) if p == party else "" for p in PARTIES)) for key in keys]
    rows += [(f"country-{name}", f"lives in {name}", "", f"country={name}") for name in COUNTRIES]
    write_csv(path, ("key", "label", *(f"local_id:{party}" for party in PARTIES)), rows)
