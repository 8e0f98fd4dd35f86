"""The command as a process among others: pipes that close, disks that fill, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.ports import free_ports
from support.shops import Shops

FEDDMF = f"{sys.executable} -m feddmf"
# The child of a process that ignores Ctrl-C, as a background job of a script does, would ignore it too.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from feddmf.cli.main import main; main()"
)


def shell(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $FEDDMF is the command."""
    return subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"FEDDMF": FEDDMF, "OMP_NUM_THREADS": "1"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def attributes(folder: Path, *, form: str = "text") -> str:
    """Return the command that lists attributes."""
    return f"$FEDDMF attributes list --folder '{folder}' --format {form}"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(simulated: Path, form: str) -> None:
    """`| head -c 1` ends the command quietly and well."""
    made = shell(f"({attributes(simulated / 'acme', form=form)}; echo $? >&2) | head -c 1 > /dev/null")
    assert made.stderr.strip() == "0"


def test_a_reader_that_never_reads_is_no_error(simulated: Path) -> None:
    """A pipe that is closed before the first byte neither."""
    made = shell(f"set -o pipefail; (sleep 1; {attributes(simulated / 'acme')}) | true")
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>&-"])
def test_closed_streams_are_no_error(simulated: Path, redirection: str) -> None:
    """A command whose streams are closed does its work, and none of its files takes their place."""
    made = shell(f"{attributes(simulated / 'acme')} {redirection}")
    assert (made.returncode, made.stderr) == (0, "")


def test_an_error_without_a_stderr_still_has_its_code() -> None:
    """Nobody reads the message; the exit code says enough."""
    made = shell("$FEDDMF run list --folder /nowhere >&- 2>&-")
    assert (made.returncode, made.stdout + made.stderr) == (4, "")


@pytest.mark.parametrize(
    "command", ["attributes list --folder ACME", "attributes list --folder ACME --format json", "--help"]
)
def test_a_full_disk_behind_stdout_is_said(simulated: Path, command: str) -> None:
    """An answer that cannot be written is exit code 6, as text and as JSON."""
    made = shell(f"$FEDDMF {command.replace('ACME', str(simulated / 'acme'))} > /dev/full")
    assert made.returncode == 6
    assert made.stderr.splitlines() == [
        "error: cannot read or write the answer: No space left on device",
        "  to do: check the path, its permissions and the disk",
    ]


def test_an_old_terminal_gets_letters_written_out(simulated: Path) -> None:
    """Where stdout knows ASCII alone, a label's other letters are escapes, and JSON is whole."""
    made = shell(attributes(simulated / "acme"), PYTHONIOENCODING="ascii")
    assert made.returncode == 0
    assert "bolts' caf\\xe9" in made.stdout
    parsed = json.loads(shell(attributes(simulated / "acme", form="json"), PYTHONIOENCODING="ascii").stdout)
    assert any("café" in each["label"] for each in parsed["data"]["attributes"])


def test_a_path_that_is_no_text_can_be_used(simulated: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 in a path are shown as escapes."""
    asked = f"--attribute country-France --folder '{simulated / 'acme'}'"
    made = shell(f"$FEDDMF query predict {asked} --out '{tmp_path}'/$'\\xff.csv'")
    assert (made.returncode, made.stderr) == (0, "")
    assert "\\udcff.csv" in made.stdout
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [b"\xff.csv"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_cleanly(made_shops: Shops, tmp_path: Path, number: int) -> None:
    """Ctrl-C and SIGTERM end a long simulation without a traceback, and nothing half-written stays."""
    run_file = tmp_path / "long.toml"
    run_file.write_text(made_shops.run_file.read_text().replace("epochs = 30", "epochs = 800"))
    command = made_shops.simulate(tmp_path / "out")
    command[1] = str(run_file)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("round ")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert [line for line in err.splitlines() if not line.startswith("round ")] == ["interrupted"]
    assert not (tmp_path / "out").exists()


def test_a_coordinator_without_streams_serves(tmp_path: Path) -> None:
    """A service that was started with all streams closed keeps its database whole."""
    folder = tmp_path / "c"
    port, other = free_ports(2)
    ports = f"--port {port} --enrolment-port {other}"
    assert shell(f"$FEDDMF coordinator init fed --folder {folder} {ports}").returncode == 0
    process = int(shell(f"$FEDDMF coordinator start --folder {folder} <&- >&- 2>&- & echo $!").stdout)
    try:
        end = time.monotonic() + 30
        while not serving(folder) and time.monotonic() < end:
            time.sleep(0.1)
        assert serving(folder)
    finally:
        os.kill(process, signal.SIGTERM)
    assert (folder / "coordinator.db").read_bytes().startswith(b"SQLite format 3\0")


def serving(folder: Path) -> bool:
    """Tell whether the coordinator of `folder` serves."""
    made = shell(f"$FEDDMF coordinator status --folder {folder} --format json")
    return bool(json.loads(made.stdout)["data"]["serving"])
