"""A federation in processes of their own that stand from run to run; who is killed is started again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from faults.plans import POLICY
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.runs import Run, RunState, find_run
from feddmf_party.run_folder import RunFolder
from support.authority import EnrolledFederation
from support.federation import founded, submit
from support.processes import Service
from support.runs import SmallRun

__all__ = ["COORDINATOR", "Standing", "standing"]

COORDINATOR = "coordinator"
_READY = {COORDINATOR: "is served at"}
# Nobody gives up while somebody else starts.
_NODE = {"beat_s": 0.2, "call_s": 10, "reconnect_s": 120}


class Standing:
    """A coordinator and a node a party, and what is asked of them."""

    def __init__(
        self, enrolled: EnrolledFederation, small: SmallRun, services: Mapping[str, Service]
    ) -> None:
        self.enrolled, self.small, self.services = enrolled, small, services

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody but the coordinator."""
        return tuple(self.enrolled.parties)

    def folder(self, name: str) -> Path:
        """Return the folder that a service works in."""
        return self.enrolled.folder.path if name == COORDINATOR else self.enrolled.parties[name]

    def submit(self, settings: RunSettings) -> str:
        """Submit a run; return its id."""
        return submit(self.enrolled, settings)

    def run(self, run: str) -> Run:
        """Return how a run stands."""
        with self.enrolled.open_database() as database, database.read() as connection:
            return find_run(connection, run)

    def over(self, run: str) -> bool:
        """Whether a run has ended at the coordinator, and been kept by each party if it finished."""
        stood = self.run(run)
        if not stood.state.ended or stood.state is not RunState.FINISHED:
            return stood.state.ended
        folders = [self.folder(party) / "runs" / run for party in stood.plan.roster]
        return all(RunFolder(each).finished and not (each / "checkpoint").exists() for each in folders)

    def finish(self, run: str, *, within_s: float = 180.0, ended: bool = False) -> None:
        """Wait until a run is over; AssertionError, with what everybody said, unless it finished.

        ended: whether somebody else ends processes meanwhile, so that one may not be there.
        """
        end = time.monotonic() + within_s
        while not self.over(run):
            dead = [name for name, each in self.services.items() if not each.alive]
            assert ended or not dead, f"{', '.join(dead)} ended by itself\n{self.said()}"
            assert time.monotonic() < end, f"run {run} is not over after {within_s:g} s\n{self.said()}"
            time.sleep(0.05)
        stood = self.run(run)
        assert stood.state is RunState.FINISHED, f"run {run}: {stood.reason}\n{self.said()}"

    def said(self) -> str:
        """Return the last lines of everybody."""
        told = ((name, each.running.said.splitlines()[-12:]) for name, each in self.services.items())
        return "\n".join(f"--- {name}\n" + "\n".join(lines) for name, lines in told)


@contextlib.contextmanager
def standing(path: Path, small: SmallRun, *, checkpoint_s: Mapping[str, float]) -> Iterator[Standing]:
    """Found a federation of the parties of `small` and serve it for a block.

    checkpoint_s: how often each keeps its state; who is not named keeps replies, or contributions, alone.
    """
    enrolled = founded(path, small, node=_NODE)
    services = {}
    for party, folder in enrolled.parties.items():
        (folder / "policy.toml").write_text(POLICY)
        with (folder / "party.toml").open("a") as file:
            file.write(f"checkpoint_s = {checkpoint_s.get(party, 3600.0)}\n")
        services[party] = Service(
            path, party, "party", "start", "--folder", str(folder), ready="connected to federation"
        )
    settings = enrolled.folder.settings_file
    every_s = checkpoint_s.get(COORDINATOR, 3600.0)
    # In front, for what follows may end in a section.
    settings.write_text(f"checkpoint_s = {every_s}\n{settings.read_text()}")
    own = str(enrolled.folder.path)
    services[COORDINATOR] = Service(
        path, COORDINATOR, COORDINATOR, "start", "--folder", own, ready=_READY[COORDINATOR]
    )
    try:
        for each in services.values():
            each.start()
        for each in services.values():
            each.until_ready()
        yield Standing(enrolled, small, services)
    finally:
        for each in services.values():
            each.kill()
