"""One process is killed at a random moment of each run: the run goes on, and ends with the same bytes.

FAULT_RUNS runs from FAULT_SEED on; the run of a seed can be had again with FAULT_SEED=that FAULT_RUNS=1.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults.fingerprint import Fingerprint, different, fingerprint, replayed
from faults.kills import draw, strike
from faults.plans import PLANS, plan_of
from faults.spending import check_spent
from faults.standing import COORDINATOR, Standing, standing
from support.runs import small_run

SEED = int(os.environ.get("FAULT_SEED", "1"))
RUNS = int(os.environ.get("FAULT_RUNS", "20"))


@dataclass
class Usual:
    """What runs leave that are left alone."""

    standing: Standing
    left: dict[str, Fingerprint] = field(default_factory=dict)

    def learn(self, name: str) -> None:
        """Play a plan of PLANS once, unless it was."""
        if name in self.left:
            return
        run = self.standing.submit(plan_of(name, self.standing.parties))
        self.standing.finish(run)
        self.left[name] = fingerprint(self.standing.enrolled, run)


@dataclass
class Federations:
    """The federation that stands; after a failure another takes its place."""

    path: Path
    stack: ExitStack = field(default_factory=ExitStack)
    made: int = 0
    usual: Usual | None = None

    def get(self) -> Usual:
        """Return the federation that stands."""
        if self.usual is None:
            self.made += 1
            path = self.path / str(self.made)
            path.mkdir()
            # bolt keeps its state at every round, acme replies alone, the coordinator its state now and then.
            often = {"bolt": 0.0, COORDINATOR: 0.3}
            made = self.stack.enter_context(standing(path, small_run(2), checkpoint_s=often))
            self.usual = Usual(made)
        return self.usual

    def drop(self) -> None:
        """End the federation that stands."""
        self.stack.close()
        self.usual = None


@pytest.fixture(scope="module")
def federations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federations]:
    """What stands from test to test."""
    made = Federations(tmp_path_factory.mktemp("faults"))
    yield made
    made.drop()


@pytest.mark.timeout(420)
@pytest.mark.parametrize("seed", range(SEED, SEED + RUNS))
def test_a_run_whose_process_is_killed_ends_with_the_same_bytes(
    federations: Federations, seed: int, tmp_path: Path
) -> None:
    """Coordinator or party, in a round, a save, a start; a private run is held to its own release."""
    usual = federations.get()
    federation = usual.standing
    fault = draw(seed, federation.parties)
    print(fault)  # noqa: T201  (a failure shows it)
    try:
        usual.learn(fault.plan)
        run = federation.submit(plan_of(fault.plan, federation.parties))
        began = time.monotonic()
        struck = strike(fault, federation, run)
        federation.finish(run)
        print(f"{struck} killed under way, {time.monotonic() - began:.1f} s")  # noqa: T201
        left = fingerprint(federation.enrolled, run)
        expected = usual.left[fault.plan]
        if PLANS[fault.plan].get("privacy"):
            check_spent(federation, run)
            expected = replayed(federation.enrolled, federation.small, run, tmp_path)
        assert left.keys() == usual.left[fault.plan].keys()
        assert different(left, expected) == [], f"{fault}\n{federation.said()}"
        said = "".join(path.read_text() for path in federations.path.rglob("*.log"))
        assert "Traceback" not in said
    except BaseException:
        federations.drop()
        raise
