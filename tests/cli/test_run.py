"""`feddmf run` at the coordinator: submit, list, show, watch, stop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from feddmf.rounds import RoundRecord
from feddmf_coordinator.store.catalogues import acceptances
from feddmf_coordinator.store.runs import RunState, add_round, set_state
from support.authority import EnrolledFederation
from support.cli import Cli, listing

BEGAN = datetime(2025, 1, 31, 8, 15, tzinfo=UTC)
SETTINGS = 'name = "First try!"\npurpose = "a test"\nparties = ["bolt", "acme"]\n'


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run file."""
    path = tmp_path / "my run.toml"
    path.write_text(SETTINGS)
    return path


def diagnostics(loss: float, cosine: float, probe: float | None) -> dict[str, Any]:
    """Return what the coordinator notes of a round."""
    party = {"loss": loss, "cosine": cosine, "response": 0.5, "rounds_not_following": 0}
    return {
        "cosine": cosine,
        "loss_emb": 0.1,
        "probe_cosine": probe,
        "parties": {"acme": party, "bolt": party},
    }


def go_through(
    federation: EnrolledFederation, run: str, state: RunState, rounds: Sequence[dict[str, Any]], **end: str
) -> None:
    """Write into the database what a run leaves there."""
    with federation.open_database() as database, database.begin() as connection:
        for position, figures in enumerate(rounds):
            record = RoundRecord(
                "align", position, bytes_up=1_000_000, bytes_down=500_000, diagnostics=figures
            )
            add_round(connection, run, position, record, 0.25)
        set_state(connection, run, state, now=BEGAN, **end)


@pytest.fixture
def finished(cli: Cli, federation: EnrolledFederation, run_file: Path) -> str:
    """Return a run that has finished after two rounds."""
    run = str(cli.data("run", "submit", run_file, "--folder", federation.folder.path)["run"])
    figures = [diagnostics(0.5, -0.00001, None), diagnostics(0.25, 0.75, 0.125)]
    go_through(federation, run, RunState.FINISHED, figures)
    return run


def test_a_run_is_submitted_by_its_name(cli: Cli, federation: EnrolledFederation, run_file: Path) -> None:
    """Stdout is the run's id alone, for scripts; what to do next is said beside it."""
    folder = federation.folder.path
    code, out, err = cli.call("run", "submit", run_file, "--folder", folder)
    assert (code, out, err) == (0, "first-try-1\n", "watch it: feddmf run watch first-try-1\n")
    assert cli.data("run", "submit", run_file, "--folder", folder) == {
        "run": "first-try-2",
        "notices": [],
    }


def test_runs_are_listed(cli: Cli, federation: EnrolledFederation, finished: str, run_file: Path) -> None:
    """Oldest first, with state, parties and times in UTC."""
    folder = federation.folder.path
    cli.text("run", "submit", run_file, "--folder", folder)
    first, second = cli.data("run", "list", "--folder", folder)["runs"]
    assert first["run"] == finished
    assert (first["state"], first["ended_at"]) == ("finished", "2025-01-31T08:15:00+00:00")
    assert (second["state"], second["ended_at"], second["parties"]) == ("submitted", None, ["acme", "bolt"])
    header, *rows = cli.text("run", "list", "--folder", folder).splitlines()
    assert header.split() == ["run", "state", "parties", "submitted", "reason"]
    assert rows[0].startswith("first-try-1  finished   acme, bolt  ")
    assert rows[1].endswith(" UTC")


def test_no_run_is_no_error(cli: Cli, made_federation: EnrolledFederation) -> None:
    """An empty list, and how to fill it."""
    folder = made_federation.folder.path
    assert cli.data("run", "list", "--folder", folder) == {"runs": []}
    code, _, err = cli.call("run", "list", "--folder", folder)
    assert (code, err) == (0, "no run yet; submit one: feddmf run submit FILE.toml\n")


def test_a_run_is_shown_round_by_round(cli: Cli, federation: EnrolledFederation, finished: str) -> None:
    """State, catalogue and times, then a line a round; what was not measured yet is a dash."""
    folder = federation.folder.path
    lines = cli.text("run", "show", finished, "--folder", folder).splitlines()
    assert lines[0] == "first-try-1: finished"
    assert lines[1].startswith("acme, bolt; catalogue version 1; submitted ")
    assert lines[1].endswith(", ended 2025-01-31 08:15 UTC")
    assert [line.split() for line in lines[2:]] == [
        ["phase", "round", "seconds", "alignment", "probe", "loss", "acme", "loss", "bolt"],
        ["align", "1", "0.250", "0.000", "-", "-", "-"],
        ["align", "2", "0.250", "0.750", "0.125", "0.250", "0.250"],
    ]
    data = cli.data("run", "show", finished, "--folder", folder)
    assert data["plan"]["settings"]["purpose"] == "a test"
    assert [each["diagnostics"]["cosine"] for each in data["rounds"]] == [-0.00001, 0.75]
    code, out, err = cli.call("run", "show", finished, "--folder", folder, "--last", "1")
    assert (code, err) == (0, "1 earlier rounds; show them with --last 2\n")
    assert [line.split()[1] for line in out.splitlines()[3:]] == ["2"]


def test_a_run_is_watched_to_its_end(cli: Cli, federation: EnrolledFederation, finished: str) -> None:
    """The progress is talk; the answer is one line, or one envelope, of what it came to."""
    folder = federation.folder.path
    assert cli.text("run", "watch", finished, "--folder", folder) == (
        "run first-try-1 finished: 2 rounds, alignment 0.750, 2.0 MB sent by the parties\n"
    )
    data = cli.data("run", "watch", finished, "--folder", folder)
    assert (data["rounds"], data["bytes_sent"], data["seconds"]) == (2, 2_000_000, 0.5)


PARTIES = {"acme": {"loss": 0.5}, "bolt": {"loss": 0.25}}
OTHER_FIGURES: dict[str, tuple[list[dict[str, Any]], list[list[str]], str]] = {
    "fedavg": (
        [{"loss": 0.75}, {"loss": 0.5}],
        [["phase", "round", "seconds", "loss"], ["0.250", "0.750"], ["0.250", "0.500"]],
        "loss 0.500, ",
    ),
    "fcf, masked": (
        [{}, {"objective": 1234.5, "method": "mm"}],
        [["phase", "round", "seconds", "objective"], ["0.250", "-"], ["0.250", "1234.500"]],
        "objective 1234.500, ",
    ),
    "transfer": (
        [{}, {"loss": 0.375, "parties": PARTIES}],
        [
            ["phase", "round", "seconds", "loss", "acme", "loss", "bolt"],
            ["0.250", "-", "-"],
            ["0.250", "0.500", "0.250"],
        ],
        "loss 0.375, ",
    ),
    "quorum": (
        [{"loss": 0.75, "counted": ["acme", "bolt"]}, {"loss": 0.5, "counted": ["bolt"]}],
        [["phase", "round", "seconds", "loss", "without"], ["0.250", "0.750"], ["0.250", "0.500", "acme"]],
        "loss 0.500, ",
    ),
    "nothing measured": ([{}], [["phase", "round", "seconds"], ["0.250"]], ""),
}


@pytest.mark.parametrize("name", OTHER_FIGURES)
def test_every_protocols_figures_are_shown(
    cli: Cli, federation: EnrolledFederation, run_file: Path, name: str
) -> None:
    """Whatever was measured has a column, and what was not a dash; the end says what it came to."""
    figures, lines, verdict = OTHER_FIGURES[name]
    folder = federation.folder.path
    run = str(cli.data("run", "submit", run_file, "--folder", folder)["run"])
    go_through(federation, run, RunState.FINISHED, figures)
    header, *rows = (
        line.split() for line in cli.text("run", "show", run, "--folder", folder).splitlines()[2:]
    )
    assert [header, *(row[2:] for row in rows)] == lines
    megabytes = f"{len(figures)}.0 MB sent by the parties\n"
    text = cli.text("run", "watch", run, "--folder", folder)
    assert text == f"run {run} finished: {len(figures)} rounds, {verdict}{megabytes}"


def test_what_masks_do_not_hide_is_said_at_the_submission(
    cli: Cli, federation: EnrolledFederation, run_file: Path
) -> None:
    """Between two parties, nothing: on stderr, and for programs."""
    folder = federation.folder.path
    run_file.write_text('protocol = "fcf"\nmasks = true\n' + SETTINGS)
    code, out, err = cli.call("run", "submit", run_file, "--folder", folder)
    assert (code, out) == (0, "first-try-1\n")
    assert err.startswith("note: with two parties masks hide nothing from your only partner")
    (notice,) = cli.data("run", "submit", run_file, "--folder", folder)["notices"]
    assert f"note: {notice}\n" in err


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.STOPPED])
def test_watching_a_run_that_failed_fails(
    cli: Cli, federation: EnrolledFederation, run_file: Path, state: RunState
) -> None:
    """Exit code 1, with the reason and the hint that the run ended with."""
    folder = federation.folder.path
    run = cli.data("run", "submit", run_file, "--folder", folder)["run"]
    go_through(federation, run, state, [], reason="bolt sent noise", hint="talk to bolt")
    said = cli.fails(1, "run", "watch", run, "--folder", folder)
    assert said == f"error: run {run} {state.value}: bolt sent noise\n  to do: talk to bolt"
    code, out, err = cli.call("run", "show", run, "--folder", folder)
    assert (code, err) == (0, "to do: talk to bolt\n")
    assert out.startswith(f"{run}: {state.value} (bolt sent noise)\n")


def test_watching_has_an_end(cli: Cli, federation: EnrolledFederation, run_file: Path) -> None:
    """Exit code 3 where the run goes on; with --wait 0, at once."""
    folder = federation.folder.path
    run = cli.data("run", "submit", run_file, "--folder", folder)["run"]
    said = cli.fails(3, "run", "watch", run, "--folder", folder, "--wait", "0")
    assert f"run {run} is submitted after 0 s" in said
    command = ["run", "submit", run_file, "--folder", folder, "--watch", "--wait", "0"]
    assert "feddmf run stop" in cli.fails(3, *command, json=False)
    code, out, _ = cli.call(*command, "--format", "json")
    assert (code, json.loads(out)["error"]["kind"]) == (3, "TimedOut")


def test_a_run_is_stopped_once(
    cli: Cli, federation: EnrolledFederation, run_file: Path, finished: str
) -> None:
    """Asking twice is fine; one that has ended cannot be stopped."""
    folder = federation.folder.path
    run = cli.data("run", "submit", run_file, "--folder", folder)["run"]
    assert cli.data("run", "stop", run, "--folder", folder) == {"run": run, "stop_asked": True}
    assert cli.text("run", "stop", run, "--folder", folder) == f"run {run} will stop\n"
    assert f"run {finished} is finished already" in cli.fails(4, "run", "stop", finished, "--folder", folder)


@pytest.mark.parametrize("verb", ["show", "watch", "stop"])
@pytest.mark.parametrize("run", ["nosuch-1", "", "../x", "'; drop table runs; --", "\x1b[31m"])
def test_a_run_that_is_not_there_is_said(
    cli: Cli, made_federation: EnrolledFederation, verb: str, run: str
) -> None:
    """Whatever its name."""
    said = cli.fails(4, "run", verb, run, "--folder", made_federation.folder.path)
    assert f"there is no run {run!r}" in said
    assert "feddmf run list" in said


MISTAKES = {
    "unknown key": (SETTINGS + "[trainning]\n", ["unknown key trainning", "did you mean 'training'?"]),
    "unknown key in a section": (
        SETTINGS + "[training]\nepoch = 3\n",
        ["unknown key training.epoch", "'epochs'"],
    ),
    "missing key": ('name = "x"\nparties = ["acme", "bolt"]\n', ["missing key purpose", "add purpose"]),
    "no TOML": ("name = First\n", ["not valid TOML", "line 1"]),
    "empty": ("", ["missing key name"]),
    "a number too large": (SETTINGS + "seed = 99999999999999999999\n", ["key seed = 99999999999999999999"]),
    "not a number": (
        SETTINGS + "[training]\nlearning_rate = nan\n",
        ["key training.learning_rate = nan", "finite"],
    ),
    "text for a number": (SETTINGS + '[training]\nepochs = "many"\n', ["key training.epochs = 'many'"]),
    "zero epochs": (SETTINGS + "[training]\nepochs = 0\n", ["key training.epochs = 0"]),
    "an unknown recipe": ('recipe = "secret"\n' + SETTINGS, ["key recipe = 'secret'", "'paper'"]),
    "a party without a column": (
        SETTINGS.replace("bolt", "carol"),
        ["catalogue version 1 has no column for carol", "local_id:carol"],
    ),
    "a bad party": (SETTINGS.replace("bolt", "Bolt & Sons"), ["key parties.0 = 'Bolt & Sons'"]),
    "masks without a sum": ('protocol = "transfer"\nmasks = true\n' + SETTINGS, ["transfer adds nothing up"]),
    "a rank of nothing": (SETTINGS + "[transfer]\nrank = 0\n", ["key transfer.rank = 0"]),
    "no ridge": (SETTINGS + "[transfer]\nridge = 0\n", ["key transfer.ridge = 0"]),
    "nothing to align": (SETTINGS + "[alignment]\nprobe_share = 0.6\n", ["key alignment.probe_share = 0.6"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_run_file_with_a_mistake_is_not_submitted(
    cli: Cli, made_federation: EnrolledFederation, run_file: Path, name: str
) -> None:
    """File, key and what is wrong; no run is there afterwards."""
    text, words = MISTAKES[name]
    run_file.write_text(text)
    folder = made_federation.folder.path
    said = cli.fails(4, "run", "submit", run_file, "--folder", folder)
    assert all(word in said for word in words), said
    assert cli.data("run", "list", "--folder", folder) == {"runs": []}


def test_a_digest_that_a_party_has_not_accepted_stops_a_run(
    cli: Cli, federation: EnrolledFederation, run_file: Path, tmp_path: Path
) -> None:
    """Who has not accepted which digest, and what it should run."""
    folder = federation.folder.path
    with federation.open_database() as database, database.begin() as connection:
        connection.execute(delete(acceptances).where(acceptances.c.party == "bolt"))
    digest = cli.data("catalog", "show", "--folder", folder)["digest"]
    said = cli.fails(4, "run", "submit", run_file, "--folder", folder)
    assert f"bolt has not accepted catalogue version 1 (digest {digest})" in said
    assert "feddmf catalog accept" in said
    new = tmp_path / "new.csv"
    new.write_text("key,label,local_id:acme,local_id:bolt\na,A,1,1\n")
    cli.text("catalog", "publish", new, "--folder", folder)
    said = cli.fails(4, "run", "submit", run_file, "--folder", folder)
    assert "bolt has not accepted catalogue version 2" in said


def test_a_catalogue_without_a_matched_item_stops_a_run(
    cli: Cli, federation: EnrolledFederation, run_file: Path, tmp_path: Path
) -> None:
    """Even one that all have accepted."""
    folder, new = federation.folder.path, tmp_path / "new.csv"
    new.write_text("key,label,local_id:acme,local_id:bolt\na,A,1,\nb,B,,1\n")
    digest = cli.data("catalog", "publish", new, "--folder", folder)["digest"]
    with federation.open_database() as database, database.begin() as connection:
        for party in ("acme", "bolt"):
            values = {"version": 2, "party": party, "digest": digest, "accepted_at": 0}
            connection.execute(acceptances.insert().values(**values))
    said = cli.fails(4, "run", "submit", run_file, "--folder", folder)
    assert "acme sells no item that another party of run First try! sells" in said


def test_before_a_catalogue_there_is_no_run(cli: Cli, run_file: Path, tmp_path: Path) -> None:
    """A new federation says what comes first."""
    cli.text("coordinator", "init", "fed", "--folder", tmp_path / "c")
    said = cli.fails(4, "run", "submit", run_file, "--folder", tmp_path / "c")
    assert "feddmf catalog publish" in said


def test_runs_are_the_operators(cli: Cli, made_federation: EnrolledFederation, run_file: Path) -> None:
    """In a party's folder, and in one that is not there, nothing is made."""
    home = made_federation.parties["acme"]
    before = listing(home)
    for command in (["submit", run_file], ["list"], ["show", "x"], ["watch", "x"], ["stop", "x"]):
        for folder in (home, home / "nothing"):
            assert "is not a coordinator's folder" in cli.fails(4, "run", *command, "--folder", folder)
    assert listing(home) == before


def test_every_setting_is_explained(cli: Cli) -> None:
    """With the default that a protocol's recipe gives it, its bounds and its meaning."""
    data = cli.data("run", "settings", "--protocol", "fcf")
    assert [each["section"] for each in data["sections"]] == ["", "fcf", "waits"]
    rank = next(key for each in data["sections"] for key in each["keys"] if key["path"] == "fcf.rank")
    assert (rank["default"], rank["bounds"], rank["required"]) == (20, "from 1 to 256", False)
    lines = cli.text("run", "settings", "--recipe", "paper").splitlines()
    assert lines[0].split() == ["key", "default", "may", "be", "meaning"]
    assert any(line.split()[:2] == ["training.epochs", "30"] for line in lines)
    assert "'fed' is not one of" in cli.fails(4, "run", "settings", "--protocol", "fed", json=False)


def test_how_a_run_stands_is_told(cli: Cli, federation: EnrolledFederation, run_file: Path) -> None:
    """What `run show` says of a run that waits, programs are told as well."""
    folder = federation.folder.path
    run = str(cli.data("run", "submit", run_file, "--folder", folder)["run"])
    code, _, err = cli.call("run", "show", run, "--folder", folder)
    assert (code, err) == (0, "no coordinator serves, so the run stays submitted\n")
    data = cli.data("run", "show", run, "--folder", folder)
    assert data["standing"]["hint"] == "start it, and the run goes on: feddmf coordinator start"
    assert (data["rounds_of"] > 0, data["seconds_left"]) == (True, None)
