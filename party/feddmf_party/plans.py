"""A run's plan as a party reads it: what comes from elsewhere is checked before it is used."""

from __future__ import annotations

import re

from pydantic import ValidationError

from feddmf.config import describe_error
from feddmf.errors import ConfigError
from feddmf.plan import Plan

__all__ = ["read_plan"]

# A run's id becomes a folder's name, and comes from the coordinator.
_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,119}")


def read_plan(document: bytes, run: str, party: str) -> Plan:
    """Return the plan in `document`; ConfigError unless it can be used, is of `run` and has `party` in it."""
    if not _RUN.fullmatch(run):
        raise ConfigError(f"{run[:60]!r} cannot be the id of a run", hint="ask the operator")
    try:
        plan = Plan.model_validate_json(document)
    except ValidationError as error:
        message, _ = describe_error(error, Plan)
        raise ConfigError(
            f"the plan of run {run} cannot be used: {message}", hint="both ends must run the same version"
        ) from error
    if plan.run != run or party not in plan.roster:
        raise ConfigError(f"the plan is not one of run {run} for {party}", hint="ask the operator")
    return plan
