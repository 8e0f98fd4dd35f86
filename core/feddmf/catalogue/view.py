"""What one party sees of the catalogue, and the proof that it is part of the digest."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cached_property

from pydantic import ConfigDict, Field, model_validator

from feddmf import merkle
from feddmf.config import Settings, parse_settings
from feddmf.errors import CatalogueError, ConfigError

__all__ = ["CatalogueView", "ViewItem", "ViewProof", "decode_view", "encode_view", "verify_view"]


# More leaves than this are no catalogue of ours; it bounds the walk up an untrusted path.
_MOST_LEAVES = 1 << 20


class ViewItem(Settings):
    """One item of the party: global key, label, own local id, and who else sells it."""

    key: str = Field(min_length=1, max_length=200)
    label: str = Field(max_length=200)
    local_id: str = Field(min_length=1, max_length=200)
    peers: tuple[str, ...]


class ViewProof(Settings):
    """Position and Merkle path (hex) that lead from a view to the digest."""

    digest: str
    index: int = Field(ge=0)
    size: int = Field(ge=1, le=_MOST_LEAVES)
    path: tuple[str, ...]


class CatalogueView(Settings):
    """A party's own column, sorted by key, with the peers of each item."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    party: str
    version: int = Field(ge=1)
    items: tuple[ViewItem, ...]

    @model_validator(mode="after")
    def _sorted_and_unique(self) -> CatalogueView:
        keys = [item.key for item in self.items]
        if keys != sorted(set(keys)):
            raise ValueError("items are not sorted by key, or a key is there twice")
        if len({item.local_id for item in self.items}) < len(keys):
            raise ValueError("a local id is there twice")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """The party's item keys; the order of these is the party's item codes."""
        return tuple(item.key for item in self.items)

    @cached_property
    def by_key(self) -> dict[str, ViewItem]:
        """The items by key."""
        return {item.key: item for item in self.items}

    def matched(self, roster: Collection[str]) -> tuple[str, ...]:
        """Return the keys that at least one other member of `roster` sells too."""
        return tuple(item.key for item in self.items if any(peer in roster for peer in item.peers))

    def exclusive(self, roster: Collection[str]) -> tuple[str, ...]:
        """Return the keys that nobody else in `roster` sells."""
        return tuple(item.key for item in self.items if not any(peer in roster for peer in item.peers))

    def askable(self, roster: Collection[str]) -> tuple[str, ...]:
        """Return the keys that at least one other member of `roster` does not sell, and so may ask for."""
        others = frozenset(roster) - {self.party}
        return tuple(item.key for item in self.items if not others.issubset(item.peers))


def encode_view(view: CatalogueView) -> bytes:
    """Return the canonical bytes of a view: what is hashed, and what travels."""
    peers = {those: _json(those) for those in {item.peers for item in view.items}}
    rows = (
        f"[{_json((item.key, item.label, item.local_id))[1:-1]},{peers[item.peers]}]" for item in view.items
    )
    return f"[{_json(view.party)},{_json(view.version)},[{','.join(rows)}]]".encode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def decode_view(document: bytes) -> CatalogueView:
    """Parse canonical bytes; CatalogueError where they are no view."""
    try:
        party, version, rows = json.loads(document)
        items = [dict(zip(("key", "label", "local_id", "peers"), row, strict=True)) for row in rows]
    except (ValueError, TypeError, RecursionError) as error:
        raise CatalogueError(
            "the catalogue view that arrived cannot be read", hint="both ends must run the same version"
        ) from error
    content = {"party": party, "version": version, "items": items}
    try:
        view = parse_settings(content, CatalogueView, where="catalogue view")
        # JSON can spell halves of characters, which nothing else can write.
        is_canonical = encode_view(view) == document
    except ConfigError as error:
        raise CatalogueError(error.message, hint="do not accept it; ask the operator") from error
    except UnicodeEncodeError:
        is_canonical = False
    if not is_canonical:
        raise CatalogueError(
            "the catalogue view that arrived is not as a coordinator writes it",
            hint="do not accept it; ask the operator",
        )
    return view


def verify_view(document: bytes, proof: ViewProof) -> None:
    """Raise CatalogueError unless `document` is under `proof.digest`."""
    try:
        path = tuple(bytes.fromhex(node) for node in proof.path)
    except ValueError:
        path = ()
    found = merkle.root_from_path(merkle.leaf_hash(document), proof.index, proof.size, path)
    if found is None or found.hex() != proof.digest:
        raise CatalogueError(
            f"the catalogue view is not part of digest {proof.digest[:16]}",
            hint="do not accept it; ask the operator which digest was published",
        )
