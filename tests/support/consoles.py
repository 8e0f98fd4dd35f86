"""Both consoles as live processes, on the folders that the demo leaves."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from feddmf_coordinator.cli.options import open_database
from feddmf_coordinator.store.catalogues import accept, latest_version, published_digest
from feddmf_coordinator.store.runs import RunState, answer_run, set_state
from support.ports import free_ports
from support.processes import feddmf, started

__all__ = [
    "Console",
    "accepted_by_all",
    "copy_of_demo",
    "operator",
    "party_console",
    "told",
    "with_history",
]

_DEMO = "FEDDMF_TEST_DEMO"
_HOLDERS = {"analyst": "anna", "auditor": "otto", "engineer": "emil"}


@dataclass(frozen=True)
class Console:
    """One server: where it is, and the tokens that it knows, by role."""

    url: str
    tokens: Mapping[str, str]
    kept: dict[str, object] = field(default_factory=dict)


def copy_of_demo(shared: Path, into: Path) -> Path:
    """Return a copy of the demo on Online Retail, in `into`; the demo itself is made once, in `shared`.

    The environment's FEDDMF_TEST_DEMO names one that was made before.
    """
    named = os.environ.get(_DEMO)
    made = Path(named) if named else shared / "demo"
    if not named:
        with (shared / "demo.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (made / "report.json").exists():
                told("demo", "--out", str(made), within_s=220)
    return shutil.copytree(made, into)


def told(*arguments: str, within_s: float = 60.0) -> str:
    """Return what `feddmf ARGUMENTS` prints; it must succeed."""
    done = feddmf(*arguments, within_s=within_s)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def party_console(folder: Path) -> Iterator[Console]:
    """Serve a party's folder with a token of each role."""
    words = ("--folder", folder)
    tokens = {role: _token("token", "add", name, "--role", role, *words) for role, name in _HOLDERS.items()}
    with _served("api", "serve", *words) as url:
        yield Console(url, tokens)


@contextlib.contextmanager
def operator(folder: Path) -> Iterator[Console]:
    """Serve a coordinator's folder with the token of one operator."""
    token = folder / "olga.token"
    told("coordinator", "operators", "add", "olga", "--token-file", str(token), "--folder", str(folder))
    with _served("coordinator", "console", "--folder", folder) as url:
        yield Console(url, {"operator": token.read_text().strip()})


def with_history(demo: Path) -> None:
    """Give the coordinator what a year brings: a run that a party declined, one that waits, a schedule.

    Nobody is online, and there is a second version of the catalogue, which nobody has accepted.
    """
    folder = demo / "coordinator"
    for words in ((), (), ("--every", "7d")):
        told("run", "submit", str(demo / "run.toml"), *words, "--folder", str(folder))
    now = datetime.now(UTC)
    with open_database(folder) as database, database.begin() as rows:
        why = {"reason": "south declined the run", "hint": "ask south, or change the run file"}
        set_state(rows, "two-retailers-2", RunState.FAILED, now=now, **why)
        answer_run(rows, "two-retailers-2", "north", accepted=True, reason="")
        answer_run(rows, "two-retailers-2", "south", accepted=False, reason="policy.toml allows 20 rounds")
        set_state(rows, "two-retailers-3", RunState.GATHERING, now=now)
        answer_run(rows, "two-retailers-3", "north", accepted=True, reason="")
    changed = demo / "changed.csv"
    lines = (demo / "data" / "catalogue.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    changed.write_text("".join([*lines[:1], *lines[4:]]).replace("PARASOL", "UMBRELLA"), encoding="utf-8")
    told("catalog", "publish", str(changed), "--folder", str(folder))


def accepted_by_all(demo: Path) -> None:
    """Have both parties accept the newest version, as their nodes would say."""
    with open_database(demo / "coordinator") as database, database.begin() as rows:
        version = latest_version(rows)
        digest = published_digest(rows, version)
        for party in ("north", "south"):
            accept(rows, version, party, digest, now=datetime.now(UTC))


def _token(*words: object) -> str:
    return str(json.loads(told(*map(str, words), "--format", "json"))["data"]["token"])


@contextlib.contextmanager
def _served(*words: object) -> Iterator[str]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/"
    folder = Path(str(words[-1]))
    with started(folder.parent, f"{folder.name}-console", *map(str, words), "--port", str(port)) as running:
        running.until(url)
        yield url
