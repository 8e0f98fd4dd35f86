"""The party's own rule on masked runs: no two of them may be held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from feddmf.errors import PolicyError
from feddmf.payload import ReleaseKind
from feddmf.plan import Plan

__all__ = ["check_masked_before"]

# Protocol, seed and roster of a run.
_Draws = tuple[str, int, tuple[str, ...]]


def check_masked_before(plan: Plan, records: Iterable[Mapping[str, Any]]) -> None:
    """Raise PolicyError where `records` hold a masked run with the plan's draws and another roster.

    With the same protocol and seed a party contributes the same numbers again, so the difference of two
    totals shows what the parties that are in one roster alone have contributed. The catalogue does not
    matter: a new version may leave a party's own items as they were.
    """
    settings = plan.settings
    if not settings.masks:
        return
    for run, (protocol, seed, roster) in _masked_runs(records):
        if (protocol, seed) == (settings.protocol, settings.seed) and roster != plan.roster:
            raise PolicyError(
                f"run {plan.run} has the protocol and seed of run {run}, where this party sent masked sums "
                f"with another roster ({', '.join(roster)}): the difference of the totals would show what "
                "single parties have contributed",
                hint="submit it with another seed",
            )


def _masked_runs(records: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, _Draws]]:
    """Yield run and draws of each release of masked sums; joins that older versions wrote lack the draws."""
    joined: dict[str, _Draws] = {}
    for record in records:
        run = str(record.get("run"))
        if record.get("event") == "join" and {"protocol", "seed"} <= set(record):
            joined[run] = (record["protocol"], record["seed"], tuple(sorted(record["parties"])))
        elif record.get("event") == "release" and run in joined:
            kinds = {array["kind"] for array in record["arrays"]}
            if ReleaseKind.MASKED_SUM in kinds:
                yield run, joined[run]
