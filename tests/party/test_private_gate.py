"""The gate of a private run: nothing leaves before the release is in the ledger, or over the budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import PolicyError
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf_party.egress import EgressGate
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.policy import Policy
from feddmf_party.privacy_policy import PrivacyPolicy
from support.runs import small_run

RUN = small_run(2, protocol="transfer", transfer={"rank": 4}, privacy={"mode": "gram"})
ITEMS = RUN.items["acme"]
CHARGE = {"event": "charge", "run": "small-1", "epsilon": 1.0, "delta": 1e-5, "sigma": 3.7308, "items": "d"}
RELEASE = {"event": "private_release", "run": "small-1", "charge": 0, "sha256": "e"}


def clear(path: Path, lifetime: float = 10.0) -> int:
    """Ask the gate to clear contexts; return the number of their record."""
    policy = Policy(privacy=PrivacyPolicy(lifetime_epsilon=lifetime))
    schema = protocol_for("transfer").phases(RUN.plan)[0].contribution
    payload = Payload({"contexts": np.zeros((len(ITEMS.matched), 4), dtype=np.float32)})
    gate = EgressGate(RUN.plan, policy, LedgerFile(path))
    sizes = ITEMS.sizes(0)
    return gate.clear("contexts", 0, payload, schema=schema, sizes=sizes, items=ITEMS.matched).ledger_number


def test_nothing_leaves_before_the_release_is_in_the_ledger(tmp_path: Path) -> None:
    """A charge is not enough, nor another run's release; nothing is recorded."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    for record in (CHARGE, {**RELEASE, "run": "small-2"}):
        ledger.append(record)
    with pytest.raises(PolicyError, match="run small-1 is private, of which the ledger has no release"):
        clear(tmp_path / "ledger.jsonl")
    assert len(list(ledger.records())) == 2


def test_what_leaves_names_the_release_that_it_follows_from(tmp_path: Path) -> None:
    """By the number of its record."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    ledger.append(CHARGE)
    drawn = ledger.append(RELEASE)
    number = clear(tmp_path / "ledger.jsonl")
    record = list(ledger.records())[number]
    assert (record["event"], record["post_processing_of"]) == ("release", drawn)


def test_nothing_leaves_once_the_budget_is_less_than_what_is_spent(tmp_path: Path) -> None:
    """A policy that was tightened within a run holds from the next start on."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    for record in (CHARGE, RELEASE):
        ledger.append(record)
    with pytest.raises(PolicyError, match=r"over the 0\.5 that this party has for life"):
        clear(tmp_path / "ledger.jsonl", lifetime=0.5)
    assert len(list(ledger.records())) == 2
