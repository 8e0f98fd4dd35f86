"""The offer file: the items that a party lets peers who lack them predict. Nothing else is published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, field_validator

from feddmf.catalogue.view import CatalogueView
from feddmf.config import Settings, load_toml
from feddmf.errors import CatalogueError
from feddmf.files import write_text
from feddmf.plan import PartyItems
from feddmf.settings_file import literal
from feddmf_party.near import nearest

__all__ = ["Offer", "check_offer", "offerable", "offered_in", "read_offer", "write_offer"]


class Offer(Settings):
    """A whole offer.toml."""

    items: tuple[str, ...] = Field(default=(), description="Keys of items that peers may learn to predict.")

    @field_validator("items")
    @classmethod
    def _once_each(cls, items: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(items))


def read_offer(path: Path) -> Offer:
    """Read the offer file; without one nothing is offered."""
    return load_toml(path, Offer) if path.exists() else Offer()


def write_offer(path: Path, items: Sequence[str]) -> None:
    """Write the offer file, whole or not at all."""
    lines = "".join(f"  {literal(key)},\n" for key in sorted(set(items)))
    write_text(path, f"# Items whose vectors are published to peers after a run.\nitems = [\n{lines}]\n")


def check_offer(items: Sequence[str], view: CatalogueView, *, where: str) -> None:
    """Raise CatalogueError naming the first of `items` that the party does not sell, or nobody can lack."""
    may = set(offerable(view))
    for key in items:
        item = view.by_key.get(key)
        if item is None:
            near = nearest(key, view.keys)
            raise CatalogueError(
                f"{where}: item {key!r} is not in {view.party}'s catalogue version {view.version}",
                hint=f"did you mean {near!r}?" if near else "list its items: feddmf catalog show",
            )
        if key not in may:
            raise CatalogueError(
                f"{where}: item {key!r} is also sold by {', '.join(item.peers)}, and so by everybody with "
                f"whom {view.party} shares items",
                hint="nobody can ask for it; remove it",
            )


def offered_in(items: PartyItems, path: Path) -> tuple[str, ...]:
    """Return the keys, sorted, of what the offer file names and somebody in the run lacks.

    Raises CatalogueError naming the file and the key where one cannot be offered at all.
    """
    offer = read_offer(path).items
    check_offer(offer, items.view, where=str(path))
    return tuple(sorted(set(offer) & set(items.askable)))


def offerable(view: CatalogueView) -> tuple[str, ...]:
    """Return the keys that somebody may lack, as far as the party can know.

    Its view tells of the parties with which it shares an item; what all of these sell, nobody asks it for.
    """
    known = frozenset().union(*(item.peers for item in view.items))
    return tuple(item.key for item in view.items if not item.peers or not known.issubset(item.peers))
