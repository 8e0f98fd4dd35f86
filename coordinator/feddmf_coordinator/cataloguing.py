"""The catalogue's next version: what it would change, and that it is published as it was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from feddmf.catalogue.drift import Drift, drift_between
from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.catalogue.uploads import Upload
from feddmf.errors import CatalogueError
from feddmf_coordinator.store.catalogues import (
    add_catalogue,
    find_catalogue,
    latest_version,
    published_digest,
)
from feddmf_coordinator.store.enrolment import list_parties

__all__ = ["Preview", "drift_of", "preview_upload", "publish_upload", "refuse_same", "strangers_in"]


@dataclass(frozen=True)
class Preview:
    """What an upload would be published as.

    catalogue: None where it has mistakes; digest: what the parties would accept; drift: against the latest
    version, None for the first; same_as: the version that says the same already, 0 for none; strangers: whom
    nobody has invited, and who have a column.
    """

    upload: Upload
    catalogue: Catalogue | None
    digest: str
    drift: Drift | None
    same_as: int
    strangers: tuple[str, ...]

    @property
    def can_be_published(self) -> bool:
        """Whether nothing speaks against it."""
        return self.catalogue is not None and not self.same_as

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        catalogue = self.catalogue
        return {
            "file": self.upload.name,
            "can_be_published": self.can_be_published,
            "mistakes": [each.as_dict() for each in self.upload.mistakes],
            "more_mistakes": self.upload.more,
            "version": None if catalogue is None else catalogue.version,
            "digest": self.digest or None,
            "items": None if catalogue is None else len(catalogue.labels),
            "same_as": self.same_as or None,
            "strangers": list(self.strangers),
            "pairs": [] if catalogue is None else [vars(pair) for pair in catalogue.coverage()],
            "changes": None if self.drift is None else self.drift.as_dict(),
        }


def preview_upload(connection: Connection, upload: Upload, *, now: datetime) -> Preview:
    """Return what would come of an upload if it were published now."""
    if upload.mistakes:
        return Preview(upload, None, "", None, 0, ())
    newest = latest_version(connection)
    catalogue = parse_catalogue(upload.text, version=newest + 1, where=upload.name)
    drift, same = None, 0
    if newest:
        drift = drift_between(find_catalogue(connection, newest), catalogue)
        same = newest if drift.is_empty else 0
    strangers = strangers_in(connection, catalogue, now=now)
    return Preview(upload, catalogue, catalogue.digest(), drift, same, strangers)


def publish_upload(
    connection: Connection, upload: Upload, *, now: datetime, expected: str | None = None
) -> Catalogue:
    """Publish an upload as the next version; CatalogueError where it cannot be, and nothing is published.

    expected: the digest that its preview showed; whoever published something in between is not overruled.
    """
    upload.require_whole()
    catalogue = add_catalogue(connection, upload.text, where=upload.name, now=now)
    if expected is not None and catalogue.digest() != expected:
        newest = catalogue.version - 1
        raise CatalogueError(
            f"version {newest} was published meanwhile, so this is not what the preview showed",
            hint="look at the preview again, against the version that is there now",
        )
    return catalogue


def refuse_same(connection: Connection, upload: Upload) -> None:
    """Raise CatalogueError where the latest version says what an upload without mistakes does."""
    newest = latest_version(connection)
    if not newest:
        return
    again = parse_catalogue(upload.text, version=newest, where=upload.name)
    if again.digest() == published_digest(connection, newest):
        raise CatalogueError(
            f"{upload.name} is what version {newest} says already",
            hint="nothing to publish; the parties accept the version that is there",
        )


def drift_of(connection: Connection, before: int = 0, after: int = 0) -> Drift:
    """Return what changed between two versions: up to the latest for 0, from the one before `after` for 0."""
    later = find_catalogue(connection, after)
    if later.version == 1 and not before:
        raise CatalogueError(
            "there is one catalogue version only, and nothing to hold it against",
            hint="see what it covers: feddmf catalog coverage",
        )
    return drift_between(find_catalogue(connection, before or later.version - 1), later)


def strangers_in(connection: Connection, catalogue: Catalogue, *, now: datetime) -> tuple[str, ...]:
    """Return the parties with a column whom nobody has invited or enrolled."""
    known = {each.party for each in list_parties(connection, now=now)}
    return tuple(party for party in catalogue.parties if party not in known)
