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
from sqlalchemy import JSON, BigInteger, Column, Connection, ForeignKey, String, Table, select

from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error, replacing
from feddmf.payload import Payload
from feddmf_coordinator.store.database import metadata, to_seconds
from feddmf_coordinator.store.runs import runs

__all__ = ["Publication", "VectorShelf", "add_publication", "list_publications", "withdraw"]

_ORDER = "order"

publications = Table(
    "publications",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("party", String(32), primary_key=True),
    Column("items", JSON, nullable=False),  # [[key, label], ...] in row order
    Column("sha256", String(64), nullable=False),
    Column("published_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Publication:
    """One party's offer after a run: (key, label) of each row, and the digest of the vectors."""

    run: str
    party: str
    items: tuple[tuple[str, str], ...]
    sha256: str


def add_publication(connection: Connection, publication: Publication, *, now: datetime) -> None:
    """Add a publication; the same party publishing again for a run replaces what it said before."""
    key = (publications.c.run == publication.run) & (publications.c.party == publication.party)
    connection.execute(publications.delete().where(key))
    connection.execute(
        publications.insert().values(
            run=publication.run,
            party=publication.party,
            items=[list(item) for item in publication.items],
            sha256=publication.sha256,
            published_at=to_seconds(now),
        )
    )


def list_publications(connection: Connection, run: str | None = None) -> tuple[Publication, ...]:
    """Return the publications of `run`, or all of them, by run and party."""
    query = select(publications).order_by(publications.c.run, publications.c.party)
    rows = connection.execute(query if run is None else query.where(publications.c.run == run)).mappings()
    return tuple(
        Publication(
            run=row["run"],
            party=row["party"],
            items=tuple((key, label) for key, label in row["items"]),
            sha256=row["sha256"],
        )
        for row in rows
    )


def withdraw(connection: Connection, run: str) -> None:
    """Remove what was published after `run`."""
    connection.execute(publications.delete().where(publications.c.run == run))


@dataclass(frozen=True)
class VectorShelf:
    """Published vectors as safetensors files, one a run and party."""

    folder: Path

    def put(self, run: str, party: str, payload: Payload) -> str:
        """Store what `party` publishes after `run`; return its SHA-256, in hex."""
        with replacing(self._path(run, party), mode=0o600) as beside:
            arrays = {name: np.ascontiguousarray(array) for name, array in payload.items()}
            # The format keeps arrays in an order of its own, and a payload's order counts.
            save_file(arrays, beside, metadata={_ORDER: ",".join(payload)})
        return payload.sha256().hex()

    def get(self, publication: Publication) -> Payload:
        """Return what was stored; LocalResourceError where the file is gone or torn."""
        path = self._path(publication.run, publication.party)
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

    def _path(self, run: str, party: str) -> Path:
        return self.folder / run / f"{party}.safetensors"


def _load(path: Path) -> Payload:
    with safe_open(path, framework="numpy") as file:
        order = (file.metadata() or {}).get(_ORDER)
        names = order.split(",") if order else list(file.keys())
        return Payload({name: file.get_tensor(name) for name in names})
