"""A node that is killed around its private release: what it spends and what it sends is there once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.fingerprint import different, fingerprint, replayed
from faults.plans import plan_of
from faults.spending import check_spent
from faults.standing import standing
from support.processes import wait_until
from support.runs import small_run


@pytest.mark.timeout(600)
def test_a_node_that_is_killed_around_its_release_charges_and_draws_once(tmp_path: Path) -> None:
    """Killed once the charge is written, once the release is, and once something of it has left."""
    with standing(tmp_path, small_run(2), checkpoint_s={"bolt": 0.0}) as federation:
        run = federation.submit(plan_of("feddmf-private", federation.parties))
        node = federation.services["bolt"]
        ledger = federation.folder("bolt") / "ledger.jsonl"

        def written(event: str) -> Callable[[], bool]:
            # Not as records: whoever looks while a line is written must not stumble over it.
            return lambda: ledger.exists() and f'"event":"{event}"' in ledger.read_text().replace(" ", "")

        for event in ("charge", "private_release", "release"):
            wait_until(written(event), 90)
            assert written(event)(), federation.said()
            assert not federation.over(run)
            node.kill()
            node.start()
        federation.finish(run)
        check_spent(federation, run)
        left = fingerprint(federation.enrolled, run)
        assert different(left, replayed(federation.enrolled, federation.small, run, tmp_path / "out")) == []
