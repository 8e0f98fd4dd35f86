"""Published catalogue versions, and which party has accepted which digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    select,
)

from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.errors import CatalogueError
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Published",
    "accept",
    "accepted_digests",
    "add_catalogue",
    "find_catalogue",
    "latest_version",
    "list_versions",
    "published_digest",
]

catalogues = Table(
    "catalogues",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("csv", LargeBinary, nullable=False),
    Column("published_at", BigInteger, nullable=False),
)
acceptances = Table(
    "catalogue_acceptances",
    metadata,
    Column("version", ForeignKey(catalogues.c.version), primary_key=True),
    Column("party", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Published:
    """A published version; accepted: when each party accepted it."""

    version: int
    digest: str
    published_at: datetime
    accepted: Mapping[str, datetime]


def list_versions(connection: Connection) -> tuple[Published, ...]:
    """Return every published version, oldest first."""
    accepted: dict[int, dict[str, datetime]] = {}
    for row in connection.execute(select(acceptances).order_by(acceptances.c.party)):
        accepted.setdefault(row.version, {})[row.party] = from_seconds(row.accepted_at)
    columns = catalogues.c.version, catalogues.c.digest, catalogues.c.published_at
    return tuple(
        Published(row.version, row.digest, from_seconds(row.published_at), accepted.get(row.version, {}))
        for row in connection.execute(select(*columns).order_by(catalogues.c.version))
    )


def latest_version(connection: Connection) -> int:
    """Return the number of the latest version; 0 when nothing has been published."""
    return connection.scalar(select(func.max(catalogues.c.version))) or 0


def add_catalogue(connection: Connection, text: str, *, where: str, now: datetime) -> Catalogue:
    """Publish `text` as the next version; CatalogueError where it is not a catalogue."""
    catalogue = parse_catalogue(text, version=latest_version(connection) + 1, where=where)
    connection.execute(
        catalogues.insert().values(
            version=catalogue.version,
            digest=catalogue.digest(),
            csv=text.encode(),
            published_at=to_seconds(now),
        )
    )
    return catalogue


def find_catalogue(connection: Connection, version: int = 0) -> Catalogue:
    """Return a published version, the latest for 0; CatalogueError where there is none."""
    wanted = version or latest_version(connection)
    text = connection.scalar(select(catalogues.c.csv).where(catalogues.c.version == wanted))
    if text is None:
        what = f"catalogue version {version}" if version else "a catalogue"
        raise CatalogueError(
            f"{what} has not been published", hint="publish one: feddmf catalog publish FILE.csv"
        )
    return parse_catalogue(bytes(text).decode(), version=wanted, where=f"catalogue version {wanted}")


def published_digest(connection: Connection, version: int) -> str:
    """Return the digest of a published version, as it was computed then; "" where there is none."""
    return connection.scalar(select(catalogues.c.digest).where(catalogues.c.version == version)) or ""


def accept(connection: Connection, version: int, party: str, digest: str, *, now: datetime) -> None:
    """Note that `party` accepts `version`; CatalogueError where its digest is another."""
    if not digest or published_digest(connection, version) != digest:
        raise CatalogueError(
            f"{party} accepts digest {digest[:16]} for version {version}, which is not what was published",
            hint="fetch the catalogue again and compare its digest with the operator",
        )
    already = accepted_digests(connection, version)
    if party not in already:
        connection.execute(
            acceptances.insert().values(
                version=version, party=party, digest=digest, accepted_at=to_seconds(now)
            )
        )


def accepted_digests(connection: Connection, version: int) -> dict[str, str]:
    """Return the digest that each party has accepted for `version`."""
    rows = connection.execute(select(acceptances).where(acceptances.c.version == version))
    return {row.party: row.digest for row in rows}
