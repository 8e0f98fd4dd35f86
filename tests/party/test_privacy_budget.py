"""What is spent is read off the ledger's charges, whatever came of their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import PolicyError
from feddmf.privacy.accountant import sigma_for
from feddmf.privacy.terms import Terms
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.privacy_budget import Charge, charges_in, check_budget, release_of, spent_by
from feddmf_party.privacy_policy import PrivacyPolicy

ONE = Terms(1.0, 1e-5, sigma_for(1.0, 1e-5))


def charge(run: str, **fields: Any) -> dict[str, Any]:
    """Return a charge as the ledger has it."""
    return {
        "event": "charge",
        "run": run,
        "epsilon": 1.0,
        "delta": 1e-5,
        "sigma": ONE.sigma,
        "items": "d",
        **fields,
    }


def test_charges_are_read_in_order_and_nothing_else(tmp_path: Path) -> None:
    """A join or a release costs nothing by itself."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    for record in (charge("a"), {"event": "join", "run": "a"}, charge("b", override_by="Ann")):
        ledger.append(record)
    found = charges_in(ledger.records())
    assert [(each.number, each.run, each.terms, each.override_by) for each in found] == [
        (0, "a", ONE, ""),
        (2, "b", ONE, "Ann"),
    ]


def test_costs_compose_at_the_least_delta() -> None:
    """Four of epsilon 1 at delta 1e-5 are 2.15 there, and more at a smaller delta."""
    assert spent_by([]).epsilon == 0
    assert spent_by([ONE] * 4).epsilon == pytest.approx(2.15, abs=0.01)
    less = spent_by([ONE, Terms(1.0, 1e-7, ONE.sigma)])
    assert less.delta == 1e-7
    assert less.epsilon > spent_by([ONE, ONE]).epsilon


def test_a_budget_is_held_before_and_after() -> None:
    """What is there may use it up, and no more; a budget that was lowered since lets nothing out."""
    spent = [Charge(number, "now", f"run-{number}", ONE, "d") for number in range(2)]
    check_budget("next", ONE, spent, PrivacyPolicy(lifetime_epsilon=1.9))
    with pytest.raises(PolicyError, match=r"over the 1\.5 that this party has for life"):
        check_budget("next", ONE, spent, PrivacyPolicy(lifetime_epsilon=1.5))
    check_budget("this", None, spent, PrivacyPolicy(lifetime_epsilon=1.5))
    with pytest.raises(PolicyError, match=r"run this would bring the epsilon spent from 1\.4\d to 1\.4\d"):
        check_budget("this", None, spent, PrivacyPolicy(lifetime_epsilon=1.0))


def test_a_release_is_found_by_its_run() -> None:
    """And is none where there is only its charge."""
    drawn = {"event": "private_release", "run": "a", "number": 5}
    assert release_of([charge("a"), drawn], "a") == drawn
    assert release_of([charge("b"), drawn], "b") is None


def test_what_nothing_bounds_no_policy_allows() -> None:
    """So many weak releases that the noise's own exactness would decide: no line is offered."""
    spent = [Charge(number, "now", f"run-{number}", Terms(15.0, 1e-9, 0.46), "d") for number in range(9)]
    with pytest.raises(PolicyError, match="beyond what any bound holds for") as caught:
        check_budget("next", ONE, spent, PrivacyPolicy(lifetime_epsilon=1000.0))
    assert "no line of policy.toml can allow it" in caught.value.hint
