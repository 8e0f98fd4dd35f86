"""What a coordinator keeps: the database, whole and of this version, and its ledger."""

from __future__ import annotations

from feddmf.checkup import Checkup
from feddmf.errors import LocalResourceError
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Receipts

__all__ = ["check_database", "check_ledger"]


def check_database(
    checkup: Checkup, where: CoordinatorFolder, settings: CoordinatorSettings
) -> Database | None:
    """Return the database, open; None where it is gone or cannot be used."""
    database = checkup.look("database", lambda: Database.open(where.database_url(settings)))
    if database is None:
        return None
    damage = checkup.look("database", lambda: _damage(database))
    if damage:
        database.close()
        checkup.problem(
            "database",
            LocalResourceError(
                f"the database {database.name} is damaged: {damage}",
                hint="end the coordinator and restore it from a backup: feddmf coordinator restore",
            ),
        )
        return None
    if damage is None:
        database.close()
        return None
    checkup.ok("database", f"{database.name} can be used")
    return database


def check_ledger(checkup: Checkup, where: CoordinatorFolder, settings: CoordinatorSettings) -> None:
    """Read the ledger of what parties told."""
    checkup.look(
        "ledger",
        lambda: len(Receipts(where, settings.federation)),
        lambda records: f"{records} records, each behind the one before",
    )


def _damage(database: Database) -> str:
    """Return what SQLite finds wrong with its file; "" where it finds nothing, and for other databases."""
    if database.engine.url.get_backend_name() != "sqlite":
        return ""
    with database.read() as connection:
        found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if found == "ok" else found
