"""What parties published after a run: the item list in the database, the vectors in a file a party."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sqlalchemy import JSON, BigInteger, Column, Connection, ForeignKey, String, Table, select, update

from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error, replacing
from feddmf.payload import Payload
from feddmf_coordinator.store.database import metadata, to_seconds
from feddmf_coordinator.store.runs import runs

__all__ = [
    "Publication",
    "VectorShelf",
    "add_publication",
    "list_publications",
    "replace_publication",
    "withdraw",
]

_ORDER = "order"
# Letters of a digest in the name of a file that follows another.
_NAMED_BY = 16

publications = Table(
    "publications",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("party", String(32), primary_key=True),
    Column("items", JSON, nullable=False),  # [[key, label], ...] in row order
    Column("sha256", String(64), nullable=False),
    Column("published_at", BigInteger, nullable=False),
)
# Only of those that end; a table of its own, so that a database from before there were any goes on.
publication_ends = Table(
    "publication_ends",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("party", String(32), primary_key=True),
    Column("expires_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Publication:
    """One party's offer after a run: (key, label) of each row, and the digest of the vectors.

    expires_ms: when peers must stop using it, in milliseconds since 1970; 0 where it does not end.
    """

    run: str
    party: str
    items: tuple[tuple[str, str], ...]
    sha256: str
    expires_ms: int = 0

    def has_ended(self, now: datetime) -> bool:
        """Whether nobody may use it any more."""
        return 0 < self.expires_ms <= now.timestamp() * 1_000


def add_publication(connection: Connection, publication: Publication, *, now: datetime) -> None:
    """Add a publication; the same party publishing again for a run replaces what it said before."""
    run, party = publication.run, publication.party
    for table in (publications, publication_ends):
        connection.execute(table.delete().where(table.c.run == run, table.c.party == party))
    connection.execute(
        publications.insert().values(
            run=run,
            party=party,
            items=[list(item) for item in publication.items],
            sha256=publication.sha256,
            published_at=to_seconds(now),
        )
    )
    if publication.expires_ms:
        end = publication_ends.insert().values(run=run, party=party, expires_ms=publication.expires_ms)
        connection.execute(end)


def replace_publication(connection: Connection, left: Publication) -> None:
    """Put what is left of a publication in its place; its end and its time stay."""
    place = (publications.c.run == left.run) & (publications.c.party == left.party)
    items = [list(item) for item in left.items]
    connection.execute(update(publications).where(place).values(items=items, sha256=left.sha256))


def list_publications(connection: Connection, run: str | None = None) -> tuple[Publication, ...]:
    """Return the publications of `run`, or all of them, by run and party."""
    ends = publication_ends
    same = (ends.c.run == publications.c.run) & (ends.c.party == publications.c.party)
    query = (
        select(publications, ends.c.expires_ms)
        .outerjoin(ends, same)
        .order_by(publications.c.run, publications.c.party)
    )
    rows = connection.execute(query if run is None else query.where(publications.c.run == run)).mappings()
    return tuple(
        Publication(
            run=row["run"],
            party=row["party"],
            items=tuple((key, label) for key, label in row["items"]),
            sha256=row["sha256"],
            expires_ms=row["expires_ms"] or 0,
        )
        for row in rows
    )


def withdraw(connection: Connection, run: str) -> None:
    """Remove what was published after `run`."""
    for table in (publications, publication_ends):
        connection.execute(table.delete().where(table.c.run == run))


@dataclass(frozen=True)
class VectorShelf:
    """Published vectors as safetensors files, one a run and party."""

    folder: Path

    def put(self, run: str, party: str, payload: Payload) -> str:
        """Store what `party` publishes after `run`; return its SHA-256, in hex."""
        _save(self._path(run, party), payload)
        return payload.sha256().hex()

    def put_left(self, run: str, party: str, payload: Payload) -> str:
        """Store what is left of a publication beside the whole, which stays until `keep_only`."""
        digest = payload.sha256().hex()
        _save(self._left(run, party, digest), payload)
        return digest

    def keep_only(self, publication: Publication) -> None:
        """Remove what the party published in the run before a part of it was withdrawn."""
        left = self._left(publication.run, publication.party, publication.sha256)
        if left.exists():
            self._remove(publication, besides=left)

    def discard(self, publication: Publication) -> None:
        """Remove the vectors of a publication."""
        self._remove(publication)

    def get(self, publication: Publication) -> Payload:
        """Return what was stored; LocalResourceError where the file is gone or torn."""
        left = self._left(publication.run, publication.party, publication.sha256)
        path = left if left.exists() else self._path(publication.run, publication.party)
        try:
            payload = _load(path)
        except (OSError, SafetensorError) as error:
            raise LocalResourceError(
                f"cannot read {path}: {error}", hint="restore it from a backup"
            ) from error
        if payload.sha256().hex() != publication.sha256:
            raise LocalResourceError(f"{path} is not what was stored", hint="restore it from a backup")
        return payload

    def remove(self, run: str) -> None:
        """Remove everything that was stored after `run`."""
        folder = self.folder / run
        with explain_os_error(folder), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)

    def _remove(self, publication: Publication, *, besides: Path | None = None) -> None:
        folder = self.folder / publication.run
        with explain_os_error(folder):
            # No party has a dot in its name.
            for path in folder.glob(f"{publication.party}.*"):
                if path != besides:
                    path.unlink(missing_ok=True)

    def _path(self, run: str, party: str) -> Path:
        return self.folder / run / f"{party}.safetensors"

    def _left(self, run: str, party: str, digest: str) -> Path:
        return self.folder / run / f"{party}.{digest[:_NAMED_BY]}.safetensors"


def _save(path: Path, payload: Payload) -> None:
    with replacing(path, mode=0o600) as beside:
        arrays = {name: np.ascontiguousarray(array) for name, array in payload.items()}
        # The format keeps arrays in an order of its own, and a payload's order counts.
        save_file(arrays, beside, metadata={_ORDER: ",".join(payload)})


def _load(path: Path) -> Payload:
    with safe_open(path, framework="numpy") as file:
        order = (file.metadata() or {}).get(_ORDER)
        names = order.split(",") if order else list(file.keys())
        return Payload({name: file.get_tensor(name) for name in names})
