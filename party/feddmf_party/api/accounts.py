"""What engineers and auditors are told: runs, where the party stands, what left, who asked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Health", "LedgerPage", "Privacy", "QueryPage", "Route", "RouteList", "RunList", "Status"]


class Route(BaseModel):
    """Something that can be asked for."""

    method: str
    path: str
    about: str


class RouteList(BaseModel):
    """What a role may ask for."""

    role: str
    described_in: str
    routes: list[Route]


class Run(BaseModel):
    """A finished run."""

    run: str
    protocol: str | None
    finished_at: str | None


class EndedRun(BaseModel):
    """A run that came to nothing here."""

    run: str
    at: str
    what: str = Field(description="declined, or failed.")
    why: str
    to_do: str
    kind: str = Field(description="The kind of error, as the command line names it.")


class RunList(BaseModel):
    """Finished runs, and the last that came to nothing, the last first."""

    runs: list[Run]
    ended: list[EndedRun]


class Health(BaseModel):
    """That the server answers."""

    version: str
    problems: int = Field(description="How many problems the status names.")


class StatusProblem(BaseModel):
    """Something that is wrong with the folder."""

    kind: str
    message: str
    hint: str
    exit_code: int


class Status(BaseModel):
    """Where the party stands, as `feddmf party status` says."""

    model_config = ConfigDict(extra="allow")

    party: str | None
    federation: str | None
    certificate_until: str | None
    catalogue_versions: list[int]
    offered: int | None
    ledger_records: int | None
    runs: list[str]
    problems: list[StatusProblem]


class _Chain(BaseModel):
    intact: bool = Field(description="Whether every record fits the one before it.")
    problem: str | None = Field(description="What does not fit.")
    total: int
    head: str | None = Field(description="Hash of the last record.")


class LedgerPage(_Chain):
    """Records of the egress ledger, as they stand in it."""

    records: list[dict[str, Any]]


class PrivateRun(BaseModel):
    """What one private run was charged."""

    record: int = Field(description="Number of the charge in the ledger.")
    at: str
    run: str
    epsilon: float
    delta: float
    sigma: float = Field(description="Noise multiplier.")
    together: float = Field(description="Epsilon of this run and all before it.")
    released: bool = Field(description="Whether its release was drawn; it is charged all the same.")
    override_by: str = Field(description="Who let too few users in; empty where there were enough.")


class Privacy(BaseModel):
    """What private runs have cost so far."""

    epsilon: float = Field(description="Of all runs together, at `delta`.")
    delta: float
    lifetime: float = Field(description="The most that the policy allows.")
    left: float
    runs: list[PrivateRun]


class QueryRecord(BaseModel):
    """One question that was asked."""

    model_config = ConfigDict(extra="allow")

    number: int
    at: str
    who: str = Field(description="Name of the token.")
    role: str
    question: str
    run: str | None
    attributes: list[str] = Field(description="The first hundred keys.")
    attribute_count: int
    users: int = Field(description="How many users were asked about.")
    rows: int
    refused: str | None = Field(description="The kind of error, where there was no answer.")


class QueryPage(_Chain):
    """Records of the query log."""

    records: list[QueryRecord]
