"""What each party is ready to publish after a run, as it last announced it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Connection, Integer, String, Table, select

from feddmf_coordinator.store.catalogues import find_catalogue
from feddmf_coordinator.store.database import metadata, to_seconds

__all__ = ["Offer", "list_offers", "replace_offer"]

offers = Table(
    "offers",
    metadata,
    Column("party", String(32), primary_key=True),
    Column("catalogue_version", Integer, nullable=False),
    Column("keys", JSON, nullable=False),
    Column("announced_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Offer:
    """One party's offer: (key, label) of each item, by key."""

    party: str
    catalogue_version: int
    items: tuple[tuple[str, str], ...]


def replace_offer(
    connection: Connection, party: str, *, version: int, keys: Sequence[str], now: datetime
) -> None:
    """Keep what `party` offers now instead of what it offered before."""
    connection.execute(offers.delete().where(offers.c.party == party))
    connection.execute(
        offers.insert().values(
            party=party, catalogue_version=version, keys=sorted(set(keys)), announced_at=to_seconds(now)
        )
    )


def list_offers(connection: Connection) -> tuple[Offer, ...]:
    """Return every offer by party, with labels of the catalogue version that it was made for."""
    found = []
    for row in connection.execute(select(offers).order_by(offers.c.party)).mappings():
        labels = find_catalogue(connection, row["catalogue_version"]).labels
        items = tuple((key, labels[key]) for key in row["keys"])
        found.append(Offer(row["party"], row["catalogue_version"], items))
    return tuple(found)
