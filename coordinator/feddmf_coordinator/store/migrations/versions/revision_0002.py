"""Revisions: a release that knows none refuses the database from here on."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give `feddmf_schema`, which such a release looks at, a version that it does not know."""
    op.execute("UPDATE feddmf_schema SET version = 2")
