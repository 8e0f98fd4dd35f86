"""When parties were last heard from, and whom runs wait for."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
)

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sightings",
        Column("party", String(32), nullable=False),
        Column("since", BigInteger(), nullable=False),
        Column("seen_at", BigInteger(), nullable=False),
        Column("software", String(80), nullable=False),
        PrimaryKeyConstraint("party", name="pk_sightings"),
    )
    op.create_table(
        "run_waits",
        Column("run", String(120), nullable=False),
        Column("what", String(200), nullable=False),
        Column("parties", JSON(), nullable=False),
        Column("since", BigInteger(), nullable=False),
        Column("until", BigInteger(), nullable=False),
        Column("absent_ms", BigInteger(), nullable=True),
        Column("spare", Integer(), nullable=False),
        PrimaryKeyConstraint("run", name="pk_run_waits"),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_run_waits_run"),
    )
