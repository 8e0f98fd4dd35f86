"""The catalogue's next version: looked at first, then published as it was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feddmf.catalogue.uploads import Upload, read_upload
from feddmf.errors import CatalogueError
from feddmf_coordinator.cataloguing import drift_of, preview_upload, publish_upload, refuse_same
from feddmf_coordinator.store.catalogues import accept, latest_version, list_versions, published_digest
from feddmf_coordinator.store.certificates import add_party
from feddmf_coordinator.store.database import Database
from support.databases import new_database

HEADER = "key,label,local_id:acme,local_id:bolt\n"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with one party and one catalogue version."""
    with new_database(tmp_path) as database:
        with database.begin() as connection:
            add_party(connection, "acme", now=NOW)
            publish_upload(connection, upload("a,A,1,x\nb,B,2,\n"), now=NOW)
        yield database


def upload(rows: str) -> Upload:
    """Return an upload of rows."""
    return read_upload([("items.csv", (HEADER + rows).encode())])


def test_a_preview_is_what_is_published(database: Database) -> None:
    """The digest that was shown is the digest that parties accept."""
    with database.read() as connection:
        preview = preview_upload(connection, upload("a,A,1,x\nb,B,2,y\n"), now=NOW)
    assert preview.drift is not None
    assert (preview.can_be_published, preview.drift.matched, preview.strangers) == (True, ("b",), ("bolt",))
    with database.begin() as connection:
        publish_upload(connection, preview.upload, now=NOW, expected=preview.digest)
        assert published_digest(connection, 2) == preview.digest
        assert drift_of(connection).as_dict() == preview.drift.as_dict()
        accept(connection, 2, "acme", preview.digest, now=NOW)
        assert [(each.version, dict(each.accepted)) for each in list_versions(connection)] == [
            (1, {}),
            (2, {"acme": NOW}),
        ]


def test_what_was_published_meanwhile_is_not_overruled(database: Database) -> None:
    """Its preview showed changes against another version; nothing is published."""
    with database.read() as connection:
        preview = preview_upload(connection, upload("a,A,1,x\n"), now=NOW)
    with database.begin() as connection:
        publish_upload(connection, upload("c,C,3,z\n"), now=NOW)
    with (
        pytest.raises(CatalogueError, match="version 2 was published meanwhile"),
        database.begin() as connection,
    ):
        publish_upload(connection, preview.upload, now=NOW, expected=preview.digest)
    with database.read() as connection:
        assert latest_version(connection) == 2


def test_an_upload_with_mistakes_has_no_digest(database: Database) -> None:
    """Its mistakes are all that there is to show."""
    with database.read() as connection:
        preview = preview_upload(connection, upload("a,A,1\nb,B,2\n"), now=NOW)
    assert (preview.can_be_published, preview.digest, preview.drift) == (False, "", None)
    assert [each["line"] for each in preview.as_dict()["mistakes"]] == [2, 3]
    with database.begin() as connection, pytest.raises(CatalogueError, match="line 2"):
        publish_upload(connection, preview.upload, now=NOW)


def test_the_same_again_is_not_published(database: Database) -> None:
    """Everybody would have to accept what they have accepted."""
    again = upload("b,B,2,\na,A,1,x\n")
    with database.begin() as connection:
        assert preview_upload(connection, again, now=NOW).same_as == 1
        with pytest.raises(CatalogueError, match="is what version 1 says already"):
            refuse_same(connection, again)
        refuse_same(connection, upload("a,A,1,x\n"))
