"""What parties took back of what they had published: who, in which run, which items, why, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Connection, ForeignKey, Integer, String, Table, Text, select

from feddmf_coordinator.store.database import metadata
from feddmf_coordinator.store.runs import find_run, runs

__all__ = ["Withdrawal", "add_withdrawal", "list_withdrawals", "withdrawals_for"]

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("run", ForeignKey(runs.c.run), nullable=False, index=True),
    Column("party", String(32), nullable=False),
    Column("keys", JSON, nullable=False),  # [] for everything
    Column("reason", Text, nullable=False),
    Column("before_sha256", String(64), nullable=False),
    Column("withdrawn_at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Withdrawal:
    """One withdrawal; no keys: everything that the party had published in the run.

    before_sha256: the digest of the vectors until then.
    """

    run: str
    party: str
    keys: tuple[str, ...]
    reason: str
    before_sha256: str
    at_ms: int


def add_withdrawal(
    connection: Connection,
    run: str,
    party: str,
    keys: tuple[str, ...],
    *,
    reason: str,
    before_sha256: str,
    now: datetime,
) -> None:
    """Note that `party` takes `keys` back; none for everything."""
    connection.execute(
        withdrawals.insert().values(
            run=run,
            party=party,
            keys=list(keys),
            reason=reason,
            before_sha256=before_sha256,
            withdrawn_at_ms=int(now.timestamp() * 1_000),
        )
    )


def list_withdrawals(connection: Connection, run: str | None = None) -> tuple[Withdrawal, ...]:
    """Return the withdrawals of `run`, or all of them, oldest first."""
    query = select(withdrawals).order_by(withdrawals.c.number)
    rows = connection.execute(query if run is None else query.where(withdrawals.c.run == run)).mappings()
    return tuple(
        Withdrawal(
            run=row["run"],
            party=row["party"],
            keys=tuple(row["keys"]),
            reason=row["reason"],
            before_sha256=row["before_sha256"],
            at_ms=row["withdrawn_at_ms"],
        )
        for row in rows
    )


def withdrawals_for(connection: Connection, party: str, among: Collection[str]) -> Iterator[Withdrawal]:
    """Yield what the other members of the runs of `party` took back; among: runs asked for, none for all."""
    members: dict[str, bool] = {}
    for each in list_withdrawals(connection):
        if each.party == party or (among and each.run not in among):
            continue
        if each.run not in members:
            members[each.run] = party in find_run(connection, each.run).plan.roster
        if members[each.run]:
            yield each
