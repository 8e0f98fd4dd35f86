"""Schedules of runs that are submitted again and again."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, Text, UniqueConstraint

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "schedules",
        Column("number", Integer(), autoincrement=True, nullable=False),
        Column("schedule", String(120), nullable=False),
        Column("settings", Text(), nullable=False),
        Column("every_s", BigInteger(), nullable=False),
        Column("next_at", BigInteger(), nullable=False),
        Column("times", Integer(), nullable=False),
        Column("last_run", String(120), nullable=False),
        Column("trouble", Text(), nullable=False),
        Column("added_by", String(32), nullable=False),
        Column("added_at", BigInteger(), nullable=False),
        Column("removed_at", BigInteger()),
        PrimaryKeyConstraint("number", name="pk_schedules"),
        UniqueConstraint("schedule", name="uq_schedules_schedule"),
    )
