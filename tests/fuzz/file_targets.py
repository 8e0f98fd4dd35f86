"""Files that people write, and those that other companies sent them: catalogues, lists, settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from feddmf.catalogue.listing import join_listings, parse_items, parse_keys, render_listing
from feddmf.catalogue.table import parse_catalogue
from feddmf.catalogue.view import decode_view, encode_view
from feddmf.config import load_toml
from feddmf.errors import ConfigError
from feddmf.runfile import RunSettings, load_run
from feddmf.settings_file import render_settings
from feddmf_coordinator.settings import CoordinatorSettings
from feddmf_party.offer import Offer, read_offer
from feddmf_party.policy import Policy
from feddmf_party.settings import PartySettings
from fuzz.mutate import text
from fuzz.target import Make, Target, read_by

__all__ = ["SETTINGS", "catalogues", "listings", "run_files"]

_CATALOGUE = b"""\
key,label,local_id:acme,local_id:bolt,local_id:cargo
tea,"Tea ""green\""",t1,T-1,
"milk, whole",Milk,m1,,M
bread,,b1,B,br
"""
_RUN = b"""\
name = "spring"
purpose = "a test"
parties = ["acme", "bolt"]
linear_rank = "full"
alignment = "tie"
[model]
tower = "history"
[privacy]
mode = "gram"
epsilon = 1.0
"""


def catalogues(_path: Path) -> Target:
    """An operator's catalogue, and what each party gets of it."""

    def read(raw: bytes) -> None:
        catalogue = parse_catalogue(raw.decode(errors="replace"), version=1, where="catalogue.csv")
        catalogue.coverage()
        for party in catalogue.parties[:3]:
            view = catalogue.view(party)
            assert decode_view(encode_view(view)) == view

    return Target([_CATALOGUE, b"\xef\xbb\xbf" + _CATALOGUE.replace(b"\n", b"\r\n")], text, read)


def listings(_path: Path) -> Target:
    """Lists of one party's items, and several joined."""
    other = ("two.csv", "key,label,local_id:zeta\nq,Q,1\n")
    readers: tuple[Callable[[str], object], ...] = (
        lambda said: render_listing(parse_items(said, column="sku", where="items.csv"), "acme"),
        lambda said: render_listing(parse_keys(said, where="items.txt"), "acme"),
        lambda said: join_listings([("one.csv", said), other]),
    )
    samples = [
        b"sku,label,local_id\ntea,Tea,1\nmilk,,2\n",
        b"tea\nmilk\n\nbread\n",
        b"key,label,local_id:acme\ntea,Tea,1\n",
    ]
    decoded = [partial(_decoded, reader) for reader in readers]
    return Target(samples, text, partial(read_by, decoded))


def _decoded(reader: Callable[[str], object], raw: bytes) -> object:
    return reader(raw.decode(errors="replace"))


def run_files(path: Path) -> Target:
    """Run files."""
    file = path / "run.toml"
    given = {"name": "n", "purpose": "p", "parties": ["acme", "bolt"]}

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        run = load_run(file)
        assert run.rounds >= 1

    return Target([_RUN, render_settings(RunSettings, given, intro="Some.").encode()], text, read)


def _settings(model: type[BaseModel], given: Mapping[str, Any], path: Path) -> Target:
    file = path / "settings.toml"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        load_toml(file, model)

    samples = [render_settings(model, given, intro="Some.").encode(), _all_keys(model, given)]
    return Target([each for each in samples if _reads(read, each)], text, read)


def _reads(read: Callable[[bytes], object], raw: bytes) -> bool:
    try:
        read(raw)
    except ConfigError:
        return False
    return True


def _offers(path: Path) -> Target:
    file = path / "offer.toml"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        read_offer(file)

    return Target([b'items = [\n  "tea",\n  "milk",\n]\n', _all_keys(Offer, {})], text, read)


def _all_keys(model: type[BaseModel], given: Mapping[str, Any]) -> bytes:
    """Return a settings file with no key commented out."""
    return re.sub(r"(?m)^#(?=[\w\[])(?!url)", "", render_settings(model, given, intro="All.")).encode()


SETTINGS: Mapping[str, Make] = {
    "policy": partial(_settings, Policy, {}),
    "party": partial(_settings, PartySettings, {"data": {"path": "interactions.csv"}}),
    "coordinator": partial(_settings, CoordinatorSettings, {"federation": "testfed"}),
    "offer": _offers,
}
