"""Help, versions and usage errors: what a person sees who types something wrong, or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import typer

from feddmf.cli.main import COMMANDS
from support.cli import Cli

# What both sides' code is made of; none of it helps anybody to read a list of commands.
HEAVY = ("torch", "grpc", "pandas", "pyarrow", "sqlalchemy", "numpy", "cryptography", "feddmf_party")


def verbs() -> Iterator[tuple[str, str]]:
    """Yield each noun with each of its verbs, "" for a command that stands alone."""
    for point in entry_points(group="feddmf.commands"):
        loaded = point.load()
        noun = point.name.partition(".")[2]
        if isinstance(loaded, typer.Typer):
            yield from ((noun, str(command.name)) for command in loaded.registered_commands)
        else:
            yield noun, ""


VERBS = sorted(set(verbs()))


def test_every_noun_is_listed_and_has_code() -> None:
    """The list that help shows, which is not read from the modules, is that of the modules."""
    assert {noun for noun, _ in VERBS} == set(COMMANDS)


def test_the_commands_are_those_that_were_promised() -> None:
    """Noun, then verb; bench, demo, evaluate, reproduce and simulate stand alone."""
    promised = {
        "coordinator": (
            "init",
            "start",
            "invite",
            "approve",
            "status",
            "parties",
            "console",
            "revoke",
            "renew",
            "renewals",
            "log",
            "backup",
            "restore",
            "upgrade",
        ),
        "party": ("init", "enroll", "start", "status", "forget", "backup", "restore"),
        "catalog": ("publish", "accept", "show", "versions", "coverage", "drift", "match"),
        "doctor": ("",),
        "run": ("submit", "list", "show", "watch", "stop", "settings", "schedules", "unschedule"),
        "attributes": ("offer", "list", "withdraw", "changes"),
        "query": ("predict", "audience", "bulk", "why"),
        "audiences": ("save", "list", "show", "remove", "export"),
        "quality": ("report",),
        "privacy": ("attack", "report"),
        "audit": ("show", "verify", "export", "compare"),
        "api": ("serve", "log"),
        "token": ("add", "list", "revoke"),
        "data": ("list", "fetch"),
        "bench": ("",),
        "simulate": ("",),
        "demo": ("",),
        "evaluate": ("",),
        "reproduce": ("",),
    }
    assert sorted((noun, verb) for noun, verbs in promised.items() for verb in verbs) == VERBS


@pytest.mark.parametrize(("noun", "verb"), VERBS)
def test_every_command_explains_itself(cli: Cli, noun: str, verb: str) -> None:
    """--help of each command works, describes it, and describes each of its options."""
    command = [noun, verb] if verb else [noun]
    code, out, err = cli.call(*command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: feddmf {' '.join(command)}" in out
    undescribed = [
        line for line in out.splitlines() if line.startswith("│") and line.strip("│ ").endswith(">")
    ]
    assert undescribed == []


def test_help_loads_nothing_that_it_does_not_need() -> None:
    """The list of commands comes without torch, gRPC, pandas, pyarrow or SQLAlchemy."""
    code = (
        "import sys; from feddmf.cli.main import run; code = run(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (made.returncode, made.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize(
    "command", ["coordinator status", "run list", "catalog show", "query audience", "party status"]
)
def test_reading_commands_load_neither_torch_nor_grpc_nor_pandas(command: str) -> None:
    """Only who trains needs torch; only who connects needs gRPC."""
    names = ("torch", "grpc", "pandas")
    code = (
        f"import sys; from feddmf.cli.main import run; run({command.split()!r} + ['--folder', '/nowhere']); "
        f"print([name for name in {names!r} if name in sys.modules])"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert made.stdout.strip() == "[]"


_WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "sqlalchemy":
            raise ModuleNotFoundError(name, name="sqlalchemy")

sys.meta_path.insert(0, Missing())
from feddmf.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("command", "lacks"),
    [("doctor", False), ("catalog show", False), ("run list", True), ("coordinator status", True)],
)
def test_a_side_that_is_not_installed_is_no_hindrance_to_the_other(
    tmp_path: Path, command: str, lacks: bool
) -> None:
    """Without the coordinator's libraries a party's commands work, and the others say what they need."""
    arguments = [*command.split(), "--folder", str(tmp_path)]
    made = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert made.returncode == 4
    assert ("this installation lacks sqlalchemy" in made.stderr) is lacks


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    """One line."""
    assert cli.text("--version") == f"feddmf {version('feddmf')}\n"


@pytest.mark.parametrize("command", [[], ["query"], ["coordinator"], ["catalog"]])
def test_without_a_verb_the_help_is_shown(cli: Cli, command: list[str]) -> None:
    """A usage error by its exit code; the help says more than a message would."""
    code, out, err = cli.call(*command)
    assert (code, err) == (4, "")
    assert "Commands" in out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nosuch", ["No such command 'nosuch'", "feddmf --help"]),
        ("quer predict", ["No such command 'quer'", "Did you mean 'query'?"]),
        ("query audienc", ["Did you mean 'audience'?", "feddmf query --help"]),
        ("query audience", ["Missing option '--attribute'", "feddmf query audience --help"]),
        ("query audience --attribut x", ["No such option: --attribut", "--attribute"]),
        ("query audience --attribute", ["'--attribute' requires an argument"]),
        ("query audience --attribute x y", ["unexpected extra argument", "(y)"]),
        ("query audience --attribute x --top 0", ["'--top'", "greater than or equal to 1"]),
        ("query audience --attribute x --top -3", ["'--top'"]),
        ("query audience --attribute x --top nan", ["'--top'", "valid integer"]),
        ("query audience --attribute x --top 1e999", ["'--top'", "valid integer"]),
        ("query audience --attribute x --top 2.5", ["'--top'"]),
        ("run watch x --wait nan", ["'--wait'", "nan is no number of seconds"]),
        ("run watch x --wait -1", ["'--wait'", "-1 is no number of seconds"]),
        ("run watch x --wait 1e999", ["'--wait'", "inf is no number of seconds"]),
        ("run watch x --wait soon", ["'--wait'", "valid number"]),
        ("run submit x.toml --wait -inf", ["'--wait'"]),
        ("party enroll --invite x --wait -0.5", ["'--wait'"]),
        ("catalog show --version -1", ["'--version'"]),
        ("catalog show --version 99999999999999999999", ["'--version'"]),
        ("coordinator init", ["Missing argument 'federation'"]),
        ("simulate x.toml --party a=b", ["Missing option '--catalog'"]),
        ("simulate x.toml --catalog c --party a=b --catalog-version 0", ["'--catalog-version'"]),
        ("demo --seed -1", ["'--seed'"]),
    ],
)
def test_a_usage_error_is_named(cli: Cli, command: str, words: list[str]) -> None:
    """What was wrong, the command's own help, exit code 4; in JSON the same in an envelope."""
    # An option that lacks its value would take --format for it.
    said = cli.fails(4, *command.split(), json=not command.endswith("--attribute"))
    assert all(word in said for word in words), said


def test_starting_commands_check_their_wait(cli: Cli) -> None:
    """A node that should give up after NaN seconds would never do."""
    for wait in ("nan", "-1", "1e999"):
        assert "no number of seconds" in cli.fails(4, "party", "start", "--wait", wait, json=False)


def test_a_format_that_does_not_exist_is_named(cli: Cli) -> None:
    """Text and json are."""
    assert "'jsn' is not one of 'text', 'json'" in cli.fails(4, "run", "list", "--format", "jsn", json=False)


@pytest.mark.parametrize("noun", ["catalog", "attributes", "run", "query"])
@pytest.mark.parametrize("name", ["x" * 300, "a\x1b[31mb", "with blank", "naïve/été"])
def test_any_name_of_a_folder_is_a_clear_error(cli: Cli, noun: str, name: str) -> None:
    """Too long, with an escape sequence, with blanks: the folder is no party's, or no coordinator's."""
    command = {"catalog": ["coverage"], "attributes": ["list"], "run": ["list"]}.get(
        noun, ["audience", "--attribute=x"]
    )
    code, out, err = cli.call(noun, *command, "--folder", name)
    assert code == (6 if len(name) > 255 else 4)
    assert out == ""
    assert "\x1b" not in err
    assert "to do: " in err
