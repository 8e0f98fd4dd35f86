"""Steps of the demo: found a federation, enrol two companies, run, publish, ask."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from feddmf.files import write_text
from feddmf.runfile import load_run
from feddmf_party.datasets.folders import FederationFolder
from feddmf_party.demo.processes import Processes, free_ports

__all__ = ["Demo", "RunFigures"]

_START_S = 60.0
_END_S = 60.0


@dataclass(frozen=True)
class RunFigures:
    """What the run came to: its id, rounds with diagnostics, seconds, and bytes that left the parties."""

    run: str
    rounds: list[dict[str, Any]]
    seconds: float
    bytes_sent: int


@dataclass(frozen=True)
class Demo:
    """The demo's folder: coordinator/, one folder a party, data/, run.toml, logs/."""

    folder: Path
    processes: Processes
    data: FederationFolder
    value_column: str = ""

    @property
    def coordinator(self) -> Path:
        """The coordinator's folder."""
        return self.folder / "coordinator"

    @property
    def run_file(self) -> Path:
        """The run file that is submitted."""
        return self.folder / "run.toml"

    @property
    def parties(self) -> tuple[str, ...]:
        """The companies."""
        return tuple(sorted(self.data.interactions))

    def found(self) -> str:
        """Make the coordinator, start it, and return the root's fingerprint."""
        port, enrolment_port = free_ports(2)
        made = self.processes.command(
            *("coordinator", "init", "demo", "--folder", str(self.coordinator)),
            *("--port", str(port), "--enrolment-port", str(enrolment_port)),
        )
        settings = self.coordinator / "coordinator.toml"
        # Enrolment is days in a company, a second here; in front, for the file ends in sections.
        write_text(settings, f"enrolment_poll_s = 0.2\n{settings.read_text()}")
        self.processes.start("coordinator", "coordinator", "start", "--folder", str(self.coordinator))
        self.processes.until(self._serves, "the coordinator's start", _START_S)
        return str(made["root_fingerprint"])

    def enrol(self, party: str, fingerprint: str) -> None:
        """Make a party's folder and get its certificate, as its engineer and the operator would."""
        home = self.folder / party
        table = self.data.interactions[party].resolve()
        self.processes.command("party", "init", "--folder", str(home))
        write_text(home / "party.toml", _party_toml(table, self.value_column))
        invited = self.processes.command("coordinator", "invite", party, "--folder", str(self.coordinator))
        self.processes.start(
            f"{party}-enrolment",
            *("party", "enroll", "--folder", str(home), "--invite", invited["file"]),
            *("--fingerprint", fingerprint),
        )
        self.processes.until(lambda: self._asks(party), f"{party}'s request for a certificate", _START_S)
        self.processes.command("coordinator", "approve", party, "--folder", str(self.coordinator))
        self.processes.wait(f"{party}-enrolment", _END_S)

    def share_catalogue(self) -> None:
        """Publish the catalogue; each party accepts it and offers what it alone sells."""
        catalogue = str(self.data.catalogue)
        published = self.processes.command("catalog", "publish", catalogue, "--folder", str(self.coordinator))
        for party in self.parties:
            home = str(self.folder / party)
            self.processes.command("catalog", "accept", "--folder", home, "--digest", published["digest"])
            self.processes.command("attributes", "offer", "--all-exclusive", "--folder", home)

    def train(self) -> RunFigures:
        """Start both nodes, submit the run (the demo's, where there is none), watch it; return figures."""
        if not self.run_file.is_file():
            write_text(self.run_file, files("feddmf_party.demo").joinpath("run.toml").read_text())
        load_run(self.run_file)
        for party in self.parties:
            self.processes.start(party, "party", "start", "--once", "--folder", str(self.folder / party))
        submitted = self.processes.command(
            "run", "submit", str(self.run_file), "--folder", str(self.coordinator)
        )
        began, run = time.monotonic(), str(submitted["run"])
        self.processes.attached("run", "watch", run, "--folder", str(self.coordinator))
        for party in self.parties:
            self.processes.wait(party, _END_S)
        shown = self.processes.command("run", "show", run, "--folder", str(self.coordinator))
        seconds = time.monotonic() - began
        return RunFigures(run, shown["rounds"], seconds, self._bytes_sent())

    def _bytes_sent(self) -> int:
        """Return the bytes of every release, as the parties' own ledgers have them."""
        ledgers = ((self.folder / party / "ledger.jsonl").read_text() for party in self.parties)
        records = [json.loads(line) for ledger in ledgers for line in ledger.splitlines()]
        return sum(record["bytes"] for record in records if record["event"] == "release")

    def _serves(self) -> bool:
        return bool(self._status()["serving"])

    def _asks(self, party: str) -> bool:
        return any(
            each["party"] == party and each["waits_for_approval"] for each in self._status()["parties"]
        )

    def _status(self) -> dict[str, Any]:
        return self.processes.quietly("coordinator", "status", "--folder", str(self.coordinator))


def _party_toml(table: Path, value_column: str) -> str:
    value = f"value_column = {json.dumps(value_column)}\n" if value_column else ""
    return f"[data]\npath = {json.dumps(str(table))}\n{value}\n[node]\nbeat_s = 0.5\n"
