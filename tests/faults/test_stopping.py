"""A service manager ends coordinator and node within 5 s, whatever they are at; then the run goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults.fingerprint import different, fingerprint
from faults.plans import plan_of
from faults.standing import COORDINATOR, Standing, standing
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.runs import RunState
from support.federation import rounds_of
from support.processes import wait_until
from support.runs import small_run

# Within which a process has to end; the machine may do much else meanwhile.
WITHIN_S = 5.0


def ended(federation: Standing, name: str) -> None:
    """End a service as its manager does, in time; start it again."""
    service = federation.services[name]
    assert service.running.terminate(within_s=WITHIN_S) == 0, federation.said()
    assert "Traceback" not in service.running.said
    service.start()
    service.until_ready()


def reached(what: Callable[[], Any], federation: Standing) -> None:
    """Wait until a run is where it should be."""
    wait_until(what, 90)
    assert what(), federation.said()


def slow_of(settings: RunSettings) -> RunSettings:
    """Return a run with few long rounds instead of many short ones."""
    training = settings.training.model_copy(update={"batch_size": 1, "epochs": 9, "negatives": 50})
    alignment = settings.alignment.model_copy(update={"max_rounds": 3})
    return settings.model_copy(update={"training": training, "alignment": alignment})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [COORDINATOR, "acme"])
def test_a_signal_ends_it_in_every_phase_and_the_run_goes_on(tmp_path: Path, name: str) -> None:
    """Idle, gathering, computing, waiting in an exchange, near the end; the bytes stay the same."""
    with standing(tmp_path, small_run(2), checkpoint_s={}) as federation:
        settings = slow_of(plan_of("feddmf-id", federation.parties))
        ended(federation, name)
        other = federation.services["bolt"]
        run = federation.submit(settings)
        federation.finish(run)
        quiet = fingerprint(federation.enrolled, run)
        other.kill()
        run = federation.submit(settings)

        def state() -> RunState:
            return federation.run(run).state

        def rounds() -> int:
            return len(rounds_of(federation.enrolled, run))

        reached(lambda: state() is RunState.GATHERING, federation)
        ended(federation, name)
        other.start()
        other.until_ready()
        reached(lambda: rounds() == 1, federation)
        ended(federation, name)
        other.running.process.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        ended(federation, name)
        other.running.process.send_signal(signal.SIGCONT)
        reached(lambda: rounds() == 3 or federation.over(run), federation)
        if not federation.over(run):
            ended(federation, name)
        federation.finish(run)
        assert different(fingerprint(federation.enrolled, run), quiet) == []
