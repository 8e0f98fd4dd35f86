"""A coordinator's backup: made while it serves, verified, restored into a new folder; and the upgrade.

The database is in it as rows, so that what was kept in SQLite may go on in PostgreSQL, and the other way.
While the files are held nobody writes into the database, so that both are of one moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from feddmf.backup.archive import Manifest, archiving, restoring, unpack, verify
from feddmf.backup.moment import at_one_moment
from feddmf.backup.outcome import Backup, Restored, left_out
from feddmf.errors import Refused
from feddmf.files import write_text
from feddmf.locks import only_one
from feddmf.progress import NOBODY, Progress
from feddmf_coordinator.operating import RESTORE, UPGRADE, identify
from feddmf_coordinator.settings import CoordinatorFolder, render_toml
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.migrations import HEAD, REVISIONS, migrate
from feddmf_coordinator.store.operators import note
from feddmf_coordinator.store.rows import kept_rows, put_rows, write_rows
from feddmf_coordinator.store.runs import RunState, list_ids, numbers_lost_at_restore

__all__ = ["KEPT", "SIDE", "Upgraded", "back_up", "restore", "upgrade", "verified"]

SIDE = "coordinator"
_ROWS = "database.jsonl"
KEPT = (
    "coordinator.toml",
    "root.pem",
    "ca",
    "server",
    "operator",
    "invites",
    "vectors",
    "rounds",
    "ledger.jsonl.torn",
    # Last: what is said of the rounds before it is in it by then.
    "ledger.jsonl",
)
"""What is in a backup of a coordinator's folder, beside its database."""
# It opens the root's key, which is in the backup: whoever found one would have both.
_PASSPHRASE = "ca/passphrase"  # noqa: S105  (a path)


@dataclass(frozen=True)
class Upgraded:
    """From which schema to which, and the backup from before; None where there was nothing to do."""

    before: str
    after: str
    backup: Path | None


def back_up(folder: CoordinatorFolder, file: Path, progress: Progress = NOBODY) -> Backup:
    """Write a backup of a coordinator to `file`; it may serve meanwhile.

    Raises InputError where the file is there, LocalResourceError where disk or database refuse.
    """
    settings = folder.load()
    with (
        archiving(file) as archive,
        at_one_moment(folder.path) as moment,
        Database.found(folder.database_url(settings)) as database,
        database.read() as snapshot,
    ):
        with database.begin():
            # The first look decides what the snapshot sees; nobody writes until the files are held.
            database.revision(snapshot)
            for name in KEPT:
                moment.hold(name, besides=(_PASSPHRASE,))
        rows = write_rows(snapshot, moment.room(_ROWS))
        moment.add(_ROWS, rows.file)
        moment.put_into(archive, progress)
        about = {"federation": settings.federation, "schema": rows.revision, "rows": dict(rows.counts)}
        manifest = archive.close(SIDE, about)
    return Backup(file, manifest, _left_out(folder, file))


def verified(file: Path, progress: Progress = NOBODY) -> Manifest:
    """Return what a backup says of itself; InputError where it is not whole."""
    return verify(file, of=SIDE, progress=progress)


def restore(
    file: Path,
    folder: CoordinatorFolder,
    *,
    database: str | None = None,
    progress: Progress = NOBODY,
) -> Restored:
    """Put a backup into a new or empty folder and a new or empty database, all of it or nothing.

    database: URL of another database than the one that the backup's settings name. A database of an older
    schema is upgraded on the way. Raises InputError where the backup does not hold, or there is something.
    """
    with restoring(folder.path):
        manifest = unpack(file, folder.path, of=SIDE, progress=progress)
        settings = folder.load()
        if database is not None:
            settings = settings.model_copy(update={"database": database})
            write_text(folder.settings_file, render_toml(settings), mode=0o600)
        rows = kept_rows(folder.path / _ROWS)
        under_way: list[str] = []

        def fill(connection: Connection) -> None:
            put_rows(connection, rows)
            migrate(connection)
            what = {"backup_made_at": manifest.made_at.isoformat(), **numbers_lost_at_restore(connection)}
            note(connection, RESTORE, "restore", what, now=datetime.now(UTC))
            under_way.extend(list_ids(connection, *RunState.under_way()))
            Receipts(folder, settings.federation).note_restored(manifest.made_at)

        url = folder.database_url(settings)
        Database.create(url, fill, revision=rows.revision or REVISIONS[0]).close()
        rows.file.unlink()
    return Restored(manifest, tuple(under_way))


def upgrade(
    folder: CoordinatorFolder, *, backup: Path | None = None, progress: Progress = NOBODY
) -> Upgraded:
    """Bring the database to the schema of this version, after a backup of all.

    Raises LocalResourceError where a process serves, or the database is of a newer version.
    """
    settings = folder.load()
    with (
        only_one(folder.serving_lock, doing="serving"),
        Database.found(folder.database_url(settings)) as database,
        database.sole_server(),
    ):
        with database.read() as connection:
            before = database.revision(connection)
        if before == HEAD:
            return Upgraded(before, HEAD, None)
        now = datetime.now(UTC)
        file = backup or folder.backups / f"before-schema-{HEAD}-{now:%Y%m%dT%H%M%SZ}.tar"
        back_up(folder, file, progress)
        with database.begin() as connection:
            migrate(connection)
            what = {"from": before, "to": HEAD, "backup": file.name}
            note(connection, _who(connection, folder), "upgrade", what, now=now)
    return Upgraded(before, HEAD, file)


def _who(connection: Connection, folder: CoordinatorFolder) -> str:
    try:
        return identify(connection, folder)
    except Refused:
        # Whoever may write to the database may do this, and nothing of the federation changes.
        return UPGRADE


def _left_out(folder: CoordinatorFolder, file: Path) -> tuple[str, ...]:
    """Return the names in the folder that are neither in the backup nor made anew by themselves."""
    known = {Path(name).parts[0] for name in KEPT} | {folder.backups.name, file.name}
    others = left_out(folder.path, known, beginnings=(folder.database_file.name,))
    kept_apart = (_PASSPHRASE,) if folder.passphrase_file.exists() else ()
    return (*others, *kept_apart)
