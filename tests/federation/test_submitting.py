"""Submitting: a run of too many parties is not taken, by the coordinator's own limit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feddmf.errors import ConfigError
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.store.runs import list_runs
from feddmf_coordinator.submitting import submit_run
from support.authority import EnrolledFederation
from support.federation import quick_run


def test_a_run_of_too_many_parties_is_not_taken(enrolled: EnrolledFederation) -> None:
    """How many it has, how many may be, and which line says so."""
    settings = quick_run(("acme", "bolt", "cargo"))
    with enrolled.open_database() as database, database.begin() as connection:
        with pytest.raises(ConfigError, match="the run has 3 parties, over 2") as told:
            submit_run(connection, settings, LimitSettings(parties=2), now=datetime.now(UTC))
        assert list_runs(connection) == ()
    assert "[limits] parties in coordinator.toml" in told.value.hint
