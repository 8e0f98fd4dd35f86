"""The offer file: written and read whatever keys hold, and only the party's own items are in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from feddmf.catalogue.table import Catalogue
from feddmf.errors import CatalogueError, ConfigError
from feddmf_party.offer import check_offer, offerable, read_offer, write_offer
from support.catalogues import keys

VIEW = Catalogue(
    version=4,
    labels=dict.fromkeys(("lamp", "pen", "cup"), ""),
    columns={"acme": {"lamp": "1", "pen": "2"}, "bolt": {"lamp": "1", "cup": "2"}},
).view("acme")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys())
def test_an_offer_survives_its_file(tmp_path: Path, items: list[str]) -> None:
    """Quotes, line ends, control characters and any script in keys come back as they were, sorted."""
    write_offer(tmp_path / "offer.toml", [*items, items[0]])
    assert read_offer(tmp_path / "offer.toml").items == tuple(sorted(items))


def test_without_a_file_nothing_is_offered(tmp_path: Path) -> None:
    """No offer file means no offer, and so does an empty one."""
    assert read_offer(tmp_path / "offer.toml").items == ()
    write_offer(tmp_path / "offer.toml", [])
    assert read_offer(tmp_path / "offer.toml").items == ()


def test_an_item_named_twice_is_offered_once(tmp_path: Path) -> None:
    """A line that stands twice in a hand-written offer does not publish a vector twice."""
    (tmp_path / "offer.toml").write_text('items = ["b", "a", "b"]')
    assert read_offer(tmp_path / "offer.toml").items == ("b", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item = []", "unknown key item"),
        ("items = [1]", r"key items\.0 = 1"),
        ("items = 'lamp'", "key items = 'lamp'"),
    ],
)
def test_an_offer_that_says_nonsense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A mistyped key or a wrong type is named; nothing is published by mistake."""
    (tmp_path / "offer.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"offer\.toml: {message}"):
        read_offer(tmp_path / "offer.toml")


def test_own_items_may_be_offered() -> None:
    """What nobody else sells may be offered."""
    check_offer(["pen"], VIEW, where="offer.toml")
    check_offer([], VIEW, where="offer.toml")


def test_what_one_of_several_peers_lacks_may_be_offered() -> None:
    """bolt and cargo sell lamps both; a mug cargo lacks; delta, who shares nothing, is not known here."""
    view = Catalogue(
        version=4,
        labels=dict.fromkeys(("lamp", "mug", "pen", "cup"), ""),
        columns={
            "acme": {"lamp": "1", "mug": "2", "pen": "3"},
            "bolt": {"lamp": "1", "mug": "2"},
            "cargo": {"lamp": "1"},
            "delta": {"cup": "1"},
        },
    ).view("acme")
    assert offerable(view) == ("mug", "pen")
    check_offer(["mug", "pen"], view, where="offer.toml")
    with pytest.raises(CatalogueError, match="item 'lamp' is also sold by bolt, cargo") as caught:
        check_offer(["lamp"], view, where="offer.toml")
    assert "nobody can ask for it" in caught.value.hint


@pytest.mark.parametrize(
    ("item", "message", "hint"),
    [
        ("lamp", "item 'lamp' is also sold by bolt", "remove it"),
        ("cup", "item 'cup' is not in acme's catalogue version 4", "feddmf catalog show"),
        ("penn", "item 'penn' is not in acme's catalogue version 4", "did you mean 'pen'?"),
    ],
)
def test_other_items_are_named(item: str, message: str, hint: str) -> None:
    """Matched, foreign and mistyped items are refused, with file and key."""
    with pytest.raises(CatalogueError, match=f"offer.toml: {message}") as caught:
        check_offer(["pen", item], VIEW, where="offer.toml")
    assert hint in caught.value.hint
