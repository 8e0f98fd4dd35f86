"""Who may query through the API, how often and how much: the section [queries] of policy.toml."""

from __future__ import annotations

from pydantic import Field

from feddmf.config import Settings
from feddmf.errors import PolicyError
from feddmf_party.tokens import Holder, Role

__all__ = ["QueryPolicy"]

_HOW = "whoever keeps policy.toml can change its section [queries]"


class QueryPolicy(Settings):
    """What the query API lets its users do. Who may read this folder, and so the command line, may do all."""

    roles: tuple[Role, ...] = Field(
        default=tuple(Role),
        description="Roles that the query API lets in: engineer (health, runs, status, policy), analyst "
        "(attributes, predictions, audiences), auditor (ledger, query log, policy).",
    )
    names: tuple[str, ...] | None = Field(
        default=None,
        examples=[("ann", "bob")],
        description="Names of the tokens that it lets in, where not all of them.",
    )
    per_minute: int = Field(
        default=120, ge=1, le=100_000, description="Most requests of one token in a minute."
    )
    max_rows: int = Field(
        default=1_000_000,
        ge=1,
        description="Most rows of one answer, a user and an attribute each, exports included.",
    )
    export_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="Days for which files of audiences that the query API wrote in the background are kept.",
    )

    def check_holder(self, holder: Holder) -> None:
        """Raise PolicyError where the policy does not let a token in."""
        if holder.role not in self.roles or (self.names is not None and holder.name not in self.names):
            raise PolicyError(f"this party's policy does not let {holder.name} in", hint=_HOW)

    def check_rows(self, rows: int) -> None:
        """Raise PolicyError where an answer would be larger than the policy allows."""
        if rows > self.max_rows:
            raise PolicyError(
                f"{rows} rows are more than the {self.max_rows} that this party's policy lets out at once",
                hint=f"ask for fewer users or attributes; {_HOW}",
            )
