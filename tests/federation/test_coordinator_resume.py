"""A coordinator that is killed or ended in the middle of a run and started again: the run ends the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feddmf_coordinator.store.runs import RunState, find_run, list_answers
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.authority import EnrolledFederation
from support.federation import WAITS, bytes_kept, founded, quick_run, rounds_of, submit
from support.processes import Running, started, wait_until
from support.runs import SmallRun, small_run

PARTIES = ("acme", "bolt")
# Rounds enough to be killed in the middle of, each of them short.
LONG: dict[str, Any] = {
    "training": {"epochs": 2_000, "batch_size": 512},
    "alignment": {"syncs_per_epoch": 1, "max_rounds": 60},
    "waits": {**WAITS, "join_s": 120, "absent_s": 60},
}
NODE = {"beat_s": 0.2, "call_s": 5, "reconnect_s": 90}


def _coordinator(enrolled: EnrolledFederation, name: str) -> Any:
    folder = enrolled.folder.path
    return started(folder, name, "coordinator", "start", "--folder", str(folder))


def _node(enrolled: EnrolledFederation, party: str) -> Any:
    folder = enrolled.parties[party]
    return started(folder, "node", "party", "start", "--once", "--folder", str(folder))


def _assert_as_undisturbed(
    enrolled: EnrolledFederation, small: SmallRun, run: str, sections: dict[str, Any], out: Path
) -> None:
    """Hold what the parties keep of a run against the same run in one process."""
    undisturbed = simulate_folders(quick_run(PARTIES, **sections), small.catalogue, enrolled.parties, out)
    for party, folder in enrolled.parties.items():
        assert bytes_kept(RunFolder(folder / "runs" / run)) == bytes_kept(undisturbed[party])
    assert list(enrolled.folder.rounds.iterdir()) == []


def _goes_on(enrolled: EnrolledFederation, run: str, serving: Running) -> None:
    """Wait until a coordinator that was started again has closed more rounds."""
    serving.until(f"run {run} goes on from round ")
    before = len(rounds_of(enrolled, run))
    wait_until(lambda: len(rounds_of(enrolled, run)) > before + 3, 60)


def test_a_coordinator_killed_and_ended_in_mid_run_changes_nothing(tmp_path: Path) -> None:
    """Killed once from its rounds alone, then ended by a service manager, both while nodes train."""
    small = small_run(2)
    enrolled = founded(tmp_path, small, node=NODE)
    with _coordinator(enrolled, "first") as serving:
        serving.until("is served at")
        with _node(enrolled, "acme") as acme, _node(enrolled, "bolt") as bolt:
            run = submit(enrolled, quick_run(PARTIES, **LONG))
            wait_until(lambda: len(rounds_of(enrolled, run)) > 5, 90)
            serving.kill()
            with _coordinator(enrolled, "second") as again:
                _goes_on(enrolled, run, again)
                assert again.terminate() == 0
                assert f"run {run} is left in the middle, to be gone on with" in again.said
            with _coordinator(enrolled, "third") as last:
                _goes_on(enrolled, run, last)
                assert (acme.code(), bolt.code()) == (0, 0), acme.said + bolt.said
                assert last.terminate() == 0
            said = serving.said + again.said + last.said + acme.said + bolt.said
    assert "Traceback" not in said
    rounds = rounds_of(enrolled, run)
    assert [each["position"] for each in rounds] == list(range(61))
    _assert_as_undisturbed(enrolled, small, run, LONG, tmp_path / "out")


def test_a_coordinator_killed_while_it_gathers_has_the_answer(tmp_path: Path) -> None:
    """Who had joined need not join again, and who had not joins the coordinator that came back."""
    small = small_run(2)
    enrolled = founded(tmp_path, small, node=NODE)
    short = {"training": {"epochs": 3}, "waits": LONG["waits"]}
    with _coordinator(enrolled, "first") as serving:
        serving.until("is served at")
        with _node(enrolled, "acme") as acme:
            run = submit(enrolled, quick_run(PARTIES, **short))
            wait_until(lambda: _answers(enrolled, run), 60)
            serving.kill()
            assert _answers(enrolled, run) == {"acme": (True, "")}
            with _coordinator(enrolled, "second") as again, _node(enrolled, "bolt") as bolt:
                assert (acme.code(), bolt.code()) == (0, 0), acme.said + bolt.said
                assert "acme joins" not in again.said
                assert again.terminate() == 0
    with enrolled.open_database() as database, database.read() as connection:
        assert find_run(connection, run).state is RunState.FINISHED
    _assert_as_undisturbed(enrolled, small, run, short, tmp_path / "out")


def _answers(enrolled: EnrolledFederation, run: str) -> dict[str, tuple[bool, str]]:
    with enrolled.open_database() as database, database.read() as connection:
        return list_answers(connection, run)
