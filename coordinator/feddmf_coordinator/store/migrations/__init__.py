"""The database's revisions, and the way from each to the next: one file a revision in `versions/`.

The tables that the nouns' modules declare are what counts; a revision's file says how a database that is
older gets there. They are numbered: `versions/revision_0003.py` follows `versions/revision_0002.py`. What a
release has brought is never edited again, and imports nothing of the nouns: they go on, it does not.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

__all__ = ["HEAD", "REVISIONS", "TABLE", "TAKEN_OVER", "migrate", "revision_of"]

TABLE = "alembic_version"
_FOLDER = Path(__file__).parent
REVISIONS = tuple(
    sorted(path.stem.removeprefix("revision_") for path in _FOLDER.glob("versions/revision_*.py"))
)
HEAD = REVISIONS[-1]
TAKEN_OVER = "feddmf_schema"
"""The table that alone told the schema before there were revisions; databases that have it are taken over."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database: "" before there were any, None where it holds no tables."""
    tables = set(inspect(connection).get_table_names())
    if TABLE in tables:
        return str(connection.scalar(text(f"SELECT version_num FROM {TABLE}")))  # noqa: S608  (no input)
    return "" if TAKEN_OVER in tables else None


def migrate(connection: Connection, *, to: str = HEAD) -> None:
    """Bring a database to revision `to`, an empty one too, in the transaction of `connection`."""
    # Only who changes a schema needs it.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    context, script = MigrationContext.configure(connection), ScriptDirectory(str(_FOLDER))
    done = context.get_current_revision() or ""
    with Operations.context(context):
        for revision in REVISIONS:
            if done < revision <= to:
                script.get_revision(revision).module.upgrade()
                context.stamp(script, revision)
