"""Real processes that are killed, ended, started twice: everybody says what happened, with its exit code."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from support.authority import EnrolledFederation
from support.federation import WAITS, founded, quick_run, rounds_of, submit
from support.processes import feddmf, started, wait_until
from support.runs import small_run

# Rounds enough to be killed in the middle of, each of them short.
LONG: dict[str, Any] = {
    "training": {"epochs": 4_000, "batch_size": 1024},
    "alignment": {"syncs_per_epoch": 5, "max_rounds": 200},
    "waits": {**WAITS, "absent_s": 3},
}
# One round in which each party computes for far longer than anybody waits.
SLOW: dict[str, Any] = {
    "training": {"epochs": 50, "batch_size": 1, "negatives": 100},
    "alignment": {"syncs_per_epoch": 1, "max_rounds": 1},
    "waits": {**WAITS, "round_s": 120},
}
IMPATIENT = {"beat_s": 0.2, "call_s": 5, "reconnect_s": 1.5}


@pytest.fixture
def enrolled(tmp_path: Path) -> EnrolledFederation:
    """A federation of acme and bolt, whose nodes give up soon."""
    return founded(tmp_path, small_run(2), node=IMPATIENT)


def _coordinator(enrolled: EnrolledFederation, name: str = "coordinator") -> Any:
    return started(enrolled.folder.path, name, "coordinator", "start", "--folder", str(enrolled.folder.path))


def _party(enrolled: EnrolledFederation, party: str, *options: str) -> Any:
    folder = enrolled.parties[party]
    return started(folder, "node", "party", "start", "--folder", str(folder), *options)


def _shown(enrolled: EnrolledFederation, run: str) -> dict[str, Any]:
    made = feddmf("run", "show", run, "--folder", str(enrolled.folder.path), "--format", "json")
    shown: dict[str, Any] = json.loads(made.stdout)["data"]
    return shown


def test_a_party_that_is_killed_in_mid_run_is_named_to_everybody(enrolled: EnrolledFederation) -> None:
    """The coordinator, the other party and whoever watches say so within the wait, and end with code 1."""
    folder = str(enrolled.folder.path)
    with _coordinator(enrolled) as coordinator:
        coordinator.until("is served at")
        with _party(enrolled, "acme", "--once") as acme, _party(enrolled, "bolt") as bolt:
            run = submit(enrolled, quick_run(("acme", "bolt"), **LONG))
            with started(enrolled.folder.path, "watch", "run", "watch", run, "--folder", folder) as watch:
                acme.until("round 20/201")
                bolt.kill()
                assert acme.code(within_s=20) == 1
                assert watch.code(within_s=20) == 1
        shown = _shown(enrolled, run)
        reason = shown["reason"]
        assert shown["state"] == "failed"
        assert reason.startswith("bolt is missing: not heard from for ")
        assert "the run waits for its contribution to align" in reason
        assert f"error: {reason}" in acme.said
        assert f"error: run {run} failed: {reason}" in watch.said
        assert coordinator.terminate() == 0
    assert "Traceback" not in acme.said + watch.said + coordinator.said
    assert not list(enrolled.parties["acme"].glob("runs/*/run.json"))


def test_the_coordinators_death_ends_nodes_and_its_restart_goes_on_with_the_run(
    enrolled: EnrolledFederation,
) -> None:
    """A node gives up after `reconnect_s` though it computes; one that is ended meanwhile ends at once."""
    with _coordinator(enrolled) as coordinator:
        coordinator.until("is served at")
        with _party(enrolled, "acme") as acme, _party(enrolled, "bolt", "--once") as bolt:
            run = submit(enrolled, quick_run(("acme", "bolt"), **SLOW))
            wait_until(lambda: rounds_of(enrolled, run), 30)  # both have the reply, and compute
            assert acme.terminate() == 0
            assert acme.said.endswith("stopped\n")
            coordinator.kill()
            assert bolt.code(within_s=10) == 2
            assert f"error: the coordinator at {enrolled.address} cannot be reached" in bolt.said
    with _coordinator(enrolled, "again") as coordinator:
        coordinator.until("is served at")
        assert f"run {run} goes on from round 2" in coordinator.said
        assert _shown(enrolled, run)["state"] == "running"
        assert coordinator.terminate() == 0
    assert "Traceback" not in acme.said + bolt.said


def test_a_folder_and_a_port_serve_one_coordinator(enrolled: EnrolledFederation, tmp_path: Path) -> None:
    """A second process in the folder, and a first one whose port is taken, end with code 6 and say why."""
    folder = str(enrolled.folder.path)
    with _coordinator(enrolled) as coordinator:
        coordinator.until("is served at")
        second = feddmf("coordinator", "start", "--folder", folder)
        assert second.returncode == 6
        assert f"another process is serving {folder}" in second.stderr
        assert coordinator.terminate() == 0
    with socket.create_server(("127.0.0.1", enrolled.settings.port)):
        taken = feddmf("coordinator", "start", "--folder", folder)
    assert taken.returncode == 6
    assert f"cannot listen on 127.0.0.1:{enrolled.settings.port}" in taken.stderr
    assert "Traceback" not in second.stderr + taken.stderr


def test_a_revoked_party_ends_and_an_idle_one_is_ended(enrolled: EnrolledFederation) -> None:
    """Code 2 with what its own files tell; code 0 on a service manager's word; code 6 for a second node."""
    with _coordinator(enrolled) as coordinator:
        coordinator.until("is served at")
        with _party(enrolled, "acme") as acme, _party(enrolled, "bolt") as bolt:
            acme.until("connected to federation testfed")
            bolt.until("connected to federation testfed")
            second = feddmf("party", "start", "--folder", str(enrolled.parties["acme"]))
            assert second.returncode == 6
            assert "another process is running a node in" in second.stderr
            revoked = feddmf("coordinator", "revoke", "bolt", "--folder", str(enrolled.folder.path))
            assert revoked.returncode == 0, revoked.stderr
            assert bolt.code(within_s=10) == 2
            assert "refused this party, whose own files are in order" in bolt.said
            assert "the certificate may have been revoked" in bolt.said
            assert "is revoked" in coordinator.said
            assert acme.terminate() == 0
        assert coordinator.terminate() == 0
