"""The tables of the release before there were revisions.

Its databases may lack the tables of nouns that no process of theirs had ever imported: these are made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    column,
    select,
    table,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables that are not there yet."""
    op.create_table(
        "catalogues",
        Column("version", Integer(), autoincrement=False, nullable=False),
        Column("digest", String(length=64), nullable=False),
        Column("csv", LargeBinary(), nullable=False),
        Column("published_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("version", name="pk_catalogues"),
        UniqueConstraint("digest", name="uq_catalogues_digest"),
        if_not_exists=True,
    )
    op.create_table(
        "feddmf_schema",
        Column("version", Integer(), autoincrement=False, nullable=False),
        PrimaryKeyConstraint("version", name="pk_feddmf_schema"),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_anchor",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("length", Integer(), nullable=False),
        Column("hash", String(length=64), nullable=False),
        PrimaryKeyConstraint("number", name="pk_ledger_anchor"),
        if_not_exists=True,
    )
    op.create_table(
        "matching_steps",
        Column("low", String(length=32), nullable=False),
        Column("high", String(length=32), nullable=False),
        Column("version", Integer(), autoincrement=False, nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("step", Integer(), autoincrement=False, nullable=False),
        Column("items", Integer(), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("points", LargeBinary()),
        Column("received_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("low", "high", "version", "party", "step", name="pk_matching_steps"),
        if_not_exists=True,
    )
    op.create_index("ix_matching_steps_received_at", "matching_steps", ["received_at"], if_not_exists=True)
    op.create_table(
        "offers",
        Column("party", String(length=32), nullable=False),
        Column("catalogue_version", Integer(), nullable=False),
        Column("keys", JSON(), nullable=False),
        Column("announced_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("party", name="pk_offers"),
        if_not_exists=True,
    )
    op.create_table(
        "operator_log",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("record", Text(), nullable=False),
        Column("hash", String(length=64), nullable=False),
        PrimaryKeyConstraint("number", name="pk_operator_log"),
        if_not_exists=True,
    )
    op.create_table(
        "operators",
        Column("number", Integer(), autoincrement=True, nullable=False),
        Column("name", String(length=32), nullable=False),
        Column("token_sha256", String(length=64), nullable=False),
        Column("added_at", BigInteger(), nullable=False),
        Column("removed_at", BigInteger()),
        PrimaryKeyConstraint("number", name="pk_operators"),
        UniqueConstraint("token_sha256", name="uq_operators_token_sha256"),
        if_not_exists=True,
    )
    op.create_index("ix_operators_name", "operators", ["name"], if_not_exists=True)
    op.create_table(
        "parties",
        Column("party", String(length=32), nullable=False),
        Column("added_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("party", name="pk_parties"),
        if_not_exists=True,
    )
    op.create_table(
        "runs",
        Column("number", Integer(), autoincrement=True, nullable=False),
        Column("run", String(length=120), nullable=False),
        Column("settings", Text(), nullable=False),
        Column("catalogue_version", Integer(), nullable=False),
        Column("catalogue_digest", String(length=64), nullable=False),
        Column("state", String(length=16), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("hint", Text(), nullable=False),
        Column("stop_asked", Boolean(), nullable=False),
        Column("submitted_at", BigInteger(), nullable=False),
        Column("ended_at", BigInteger()),
        PrimaryKeyConstraint("number", name="pk_runs"),
        UniqueConstraint("run", name="uq_runs_run"),
        if_not_exists=True,
    )
    op.create_index("ix_runs_state", "runs", ["state"], if_not_exists=True)
    op.create_table(
        "catalogue_acceptances",
        Column("version", Integer(), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("digest", String(length=64), nullable=False),
        Column("accepted_at", BigInteger(), nullable=False),
        ForeignKeyConstraint(["version"], ["catalogues.version"], name="fk_catalogue_acceptances_version"),
        PrimaryKeyConstraint("version", "party", name="pk_catalogue_acceptances"),
        if_not_exists=True,
    )
    op.create_table(
        "certificates",
        Column("serial", String(length=40), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("fingerprint", String(length=95), nullable=False),
        Column("certificate_der", LargeBinary(), nullable=False),
        Column("not_before", BigInteger(), nullable=False),
        Column("not_after", BigInteger(), nullable=False),
        Column("status", String(length=16), nullable=False),
        Column("revoked_at", BigInteger()),
        ForeignKeyConstraint(["party"], ["parties.party"], name="fk_certificates_party"),
        PrimaryKeyConstraint("serial", name="pk_certificates"),
        UniqueConstraint("fingerprint", name="uq_certificates_fingerprint"),
        if_not_exists=True,
    )
    op.create_index("ix_certificates_party", "certificates", ["party"], if_not_exists=True)
    op.create_table(
        "invites",
        Column("token_sha256", String(length=64), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("created_at", BigInteger(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        Column("status", String(length=16), nullable=False),
        ForeignKeyConstraint(["party"], ["parties.party"], name="fk_invites_party"),
        PrimaryKeyConstraint("token_sha256", name="pk_invites"),
        if_not_exists=True,
    )
    op.create_index("ix_invites_party", "invites", ["party"], if_not_exists=True)
    op.create_index("ix_invites_status", "invites", ["status"], if_not_exists=True)
    op.create_table(
        "publication_ends",
        Column("run", String(length=120), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("expires_ms", BigInteger(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_publication_ends_run"),
        PrimaryKeyConstraint("run", "party", name="pk_publication_ends"),
        if_not_exists=True,
    )
    op.create_table(
        "publications",
        Column("run", String(length=120), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("items", JSON(), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("published_at", BigInteger(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_publications_run"),
        PrimaryKeyConstraint("run", "party", name="pk_publications"),
        if_not_exists=True,
    )
    op.create_table(
        "run_answers",
        Column("run", String(length=120), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("accepted", Boolean(), nullable=False),
        Column("reason", Text(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_run_answers_run"),
        PrimaryKeyConstraint("run", "party", name="pk_run_answers"),
        if_not_exists=True,
    )
    op.create_table(
        "run_rounds",
        Column("run", String(length=120), nullable=False),
        Column("phase", String(length=32), nullable=False),
        Column("number", Integer(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("seconds", Float(), nullable=False),
        Column("bytes_up", BigInteger(), nullable=False),
        Column("bytes_down", BigInteger(), nullable=False),
        Column("diagnostics", JSON(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_run_rounds_run"),
        PrimaryKeyConstraint("run", "phase", "number", name="pk_run_rounds"),
        if_not_exists=True,
    )
    op.create_table(
        "withdrawals",
        Column("number", Integer(), autoincrement=True, nullable=False),
        Column("run", String(length=120), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("keys", JSON(), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("before_sha256", String(length=64), nullable=False),
        Column("withdrawn_at_ms", BigInteger(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.run"], name="fk_withdrawals_run"),
        PrimaryKeyConstraint("number", name="pk_withdrawals"),
        if_not_exists=True,
    )
    op.create_index("ix_withdrawals_run", "withdrawals", ["run"], if_not_exists=True)
    op.create_table(
        "enrolment_requests",
        Column("token_sha256", String(length=64), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("request_der", LargeBinary(), nullable=False),
        Column("key_fingerprint", String(length=95), nullable=False),
        Column("received_at", BigInteger(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        Column("status", String(length=16), nullable=False),
        Column("serial", String(length=40)),
        ForeignKeyConstraint(["party"], ["parties.party"], name="fk_enrolment_requests_party"),
        ForeignKeyConstraint(["serial"], ["certificates.serial"], name="fk_enrolment_requests_serial"),
        ForeignKeyConstraint(
            ["token_sha256"], ["invites.token_sha256"], name="fk_enrolment_requests_token_sha256"
        ),
        PrimaryKeyConstraint("token_sha256", name="pk_enrolment_requests"),
        if_not_exists=True,
    )
    op.create_index("ix_enrolment_requests_party", "enrolment_requests", ["party"], if_not_exists=True)
    op.create_index("ix_enrolment_requests_status", "enrolment_requests", ["status"], if_not_exists=True)
    op.create_table(
        "renewals",
        Column("follows", String(length=40), nullable=False),
        Column("party", String(length=32), nullable=False),
        Column("request_der", LargeBinary(), nullable=False),
        Column("asked_at", BigInteger(), nullable=False),
        Column("status", String(length=16), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("serial", String(length=40)),
        Column("answered_at", BigInteger()),
        ForeignKeyConstraint(["follows"], ["certificates.serial"], name="fk_renewals_follows"),
        ForeignKeyConstraint(["serial"], ["certificates.serial"], name="fk_renewals_serial"),
        PrimaryKeyConstraint("follows", name="pk_renewals"),
        if_not_exists=True,
    )
    op.create_index("ix_renewals_party", "renewals", ["party"], if_not_exists=True)
    op.create_index("ix_renewals_status", "renewals", ["status"], if_not_exists=True)
    schema = table("feddmf_schema", column("version"))
    if op.get_bind().scalar(select(schema.c.version)) is None:
        op.execute(schema.insert().values(version=1))
