"""Every command, option, setting and make target that a page shows exists; and which test runs which page."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from feddmf.cli.main import COMMANDS
from support.command_line import mistake, mistake_in_prose, options
from support.pages import PAGES, ROOT, blocks, prose
from support.shell import simple_commands

# The pages whose blocks a test runs on real processes, in the order of the page.
RUN = {
    "README.md": "tests/demo/test_demo.py::test_the_demo_beats_popularity_and_leaves_folders_that_answer",
    "examples/first_federation/README.md": (
        "tests/docs/test_first_federation.py::test_every_command_of_the_first_federation_works"
    ),
    "examples/two_retailers/README.md": (
        "tests/docs/test_two_retailers.py::test_three_people_who_follow_the_page_end_with_audiences_that_hold"
    ),
    "examples/notebook/README.md": (
        "tests/docs/test_two_retailers.py::test_three_people_who_follow_the_page_end_with_audiences_that_hold"
    ),
    **dict.fromkeys(
        ("docs/start/analyst.md", "docs/concepts/evidence.md", "docs/concepts/what_leaves.md"),
        "tests/docs/test_two_retailers.py::test_three_people_who_follow_the_page_end_with_audiences_that_hold",
    ),
    "examples/movielens/README.md": (
        "tests/docs/test_movielens_example.py::test_every_command_of_the_page_works"
    ),
    "examples/torchrun/README.md": (
        "tests/docs/test_torchrun_example.py::test_every_command_of_the_page_works"
    ),
    "examples/user_attributes/README.md": (
        "tests/docs/test_user_attributes_example.py::test_every_command_of_the_page_works"
    ),
}
# What needs docker or a cluster is held against the files and the schemas of the deployment.
LINTED = {"examples/deploy/README.md": "tests/docs/test_deploy.py::test_commands_exist"}
# Options of other programs that pages speak of.
FOREIGN = {"--max-restarts", "--nproc-per-node", "--virtual-local-rank", "--volumes", "--extra"}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
KEYS = set(re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)?)` \|", REFERENCE, re.MULTILINE))
# Sections of settings, to tell `training.epochs` from other words with a point in them.
SECTIONS = {key.partition(".")[0] for key in KEYS if "." in key}

# What `--format json` answers with begins like a section of party.toml.
ANSWERS = {"data.summary"}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the command line takes for a coordinator's."""
    folder = tmp_path_factory.mktemp("coordinator")
    (folder / "coordinator.toml").touch()
    return folder


def called(words: list[str]) -> Iterator[list[str]]:
    """Yield what `feddmf` is called with: by itself, in a container, under torchrun, within sh -c."""
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        if Path(word).name == "feddmf" and (at == 0 or following in COMMANDS):
            yield words[at + 1 :]
        elif "feddmf " in word:
            yield from (each for inner in simple_commands(word) for each in called(inner))


@by_page
def test_commands_of_blocks_are_what_the_parser_takes(page: Path, coordinator: Path) -> None:
    """Each noun, verb, option, choice and number; nothing that is needed is left out."""
    found = [
        (" ".join(words), wrong)
        for block in blocks(page, "sh")
        for command in simple_commands(block)
        for words in called(command)
        if (wrong := mistake(words, coordinator))
    ]
    assert found == []


@by_page
def test_commands_in_prose_exist(page: Path, coordinator: Path) -> None:
    """`feddmf noun verb --option` within a sentence: what it names is there."""
    found = [
        (span, wrong)
        for span in prose(page)
        if span.startswith(("feddmf ", ".venv/bin/feddmf ")) and "|" not in span
        if (wrong := mistake_in_prose(span.split()[1:], coordinator))
    ]
    assert found == []


@by_page
def test_options_and_targets_in_prose_exist(page: Path) -> None:
    """`--option` by itself is one of some command; `make target` one of the Makefile."""
    spans = prose(page)
    named = {word.partition("=")[0] for span in spans if span.startswith("--") for word in span.split()
             if word.startswith("--")}  # fmt: skip
    assert named - options() - FOREIGN == set()
    targets = {span.split()[1] for span in spans if span.startswith("make ")}
    assert targets - TARGETS == set()


@by_page
def test_settings_in_prose_exist(page: Path) -> None:
    """`section.key` is a key of the reference."""
    spans = {span.partition(" =")[0] for span in prose(page)}
    dotted = {span for span in spans if re.fullmatch(r"[a-z_]+\.(?!py$|toml$|csv$)[a-z_]+", span)}
    assert {each for each in dotted if each.partition(".")[0] in SECTIONS} - KEYS - ANSWERS == set()


def keys(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the settings that a TOML table sets."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in KEYS:
            yield from keys(value, f"{key}.")
        else:
            yield key


@by_page
def test_toml_blocks_set_what_there_is(page: Path) -> None:
    """Each key of each block is one of the reference."""
    found = [key for block in blocks(page, "toml") for key in keys(tomllib.loads(block))]
    assert set(found) - KEYS == set()


@by_page
def test_python_blocks_and_json_blocks_can_be_read(page: Path) -> None:
    """As the language that they are said to be in."""
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
    for block in blocks(page, "json"):
        json.loads(block)


@by_page
def test_every_block_says_what_it_is(page: Path) -> None:
    """A block of another language would be held against nothing; what is no language shows no command."""
    text = page.read_text(encoding="utf-8")
    opened = re.findall(r"^ *```(.*)$", text, re.MULTILINE)[::2]
    assert {name.partition(" ")[0] for name in opened} <= {"sh", "toml", "python", "json", "text", "csv", ""}
    assert not re.search(r"^(\$ )?(\S*feddmf|make|pip|python) ", "".join(blocks(page, "")), re.MULTILINE)


@by_page
def test_a_page_that_no_test_runs_shows_what_can_be_checked_by_word(page: Path) -> None:
    """Its blocks are calls of feddmf, make and pip and of scripts that exist, and nothing else."""
    name = str(page.relative_to(ROOT))
    commands = [words for block in blocks(page, "sh") for words in simple_commands(block)]
    if name in RUN or name in LINTED:
        assert commands
        return
    assert [words for words in commands if not checkable(words)] == []


def checkable(words: list[str]) -> bool:
    """Tell whether a command's words say by themselves whether it would work."""
    match words:
        case ["feddmf" | ".venv/bin/feddmf", *_]:
            return True
        case ["make", target, *_]:
            return target in TARGETS
        case ["pip", "install", what]:
            extra = re.fullmatch(r"(?:feddmf|\S+\.whl)(?:\[(.*)\])?", what)
            return extra is not None and set((extra[1] or "").split(",")) - {""} <= EXTRAS
        case [".venv/bin/python" | "python", script, *_] if script.endswith(".py"):
            return (ROOT / script).is_file()
        case ["export" | "cd", _]:
            return True
    return False


@cache
def functions(file: Path) -> frozenset[str]:
    """Return the functions of a test file."""
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("name", "test"), [*RUN.items(), *LINTED.items()])
def test_who_runs_a_page_is_there_and_reads_it(name: str, test: str) -> None:
    """The test exists, and its file names the page's folder."""
    file, _, function = test.partition("::")
    assert (ROOT / name).is_file()
    assert function in functions(ROOT / file)
    source = (ROOT / file).read_text(encoding="utf-8")
    parts = Path(name).parts[1:] or Path(name).parts
    assert all(f'"{part}"' in source for part in parts)
    assert "shell_blocks(" in source or "run_page(" in source or "run_terminals(" in source


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a --port 8480 > b 2>&1", [["a", "--port", "8480"]]),
        ("a=1 b --c d > e 2>&1 & f=$!", [["b", "--c", "d"]]),
        ("for x in y z; do b $x; done", [["b", "$x"]]),
        ("until b | c -q 'd e'; do sleep 1; done", [["b"], ["c", "-q", "d e"], ["sleep", "1"]]),
        ("b \\\n  --c\n# d\ne", [["b", "--c"], ["e"]]),
        ("cat > b <<'T'\nc d\nT\ne", [["cat"], ["e"]]),
        ('b "$(c d)"', [["b", "$(c d)"], ["c", "d"]]),
    ],
)
def test_shell_is_taken_apart(script: str, commands: list[list[str]]) -> None:
    """Redirections, keywords, assignments and here documents go; what is run stays."""
    assert simple_commands(script) == commands


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run submit RUN.toml --watch --folder coordinator", ""),
        ("run show RUN --folder coordinator --format yaml", "yaml is none of text, json"),
        ("run submit", "missing"),
        ("run sumbit RUN.toml", "sumbit is no verb"),
        ("query audience --attribute a --size 0", "0 is out of bounds"),
        ("query audience --attribute a --size many", "many is no number"),
        ("query audience --atribute a", "--atribute"),
        ("doctor now please", "word too many"),
        ("cook dinner", "there is no feddmf cook"),
    ],
)
def test_mistakes_are_found(words: str, said: str, coordinator: Path) -> None:
    """The harness tells a command that works from each kind of one that does not."""
    found = mistake(words.split(), coordinator)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize("words", ["run sumbit", "query audience --atribute a", "cook"])
def test_mistakes_in_prose_are_found(words: str, coordinator: Path) -> None:
    """A verb, an option and a noun that do not exist."""
    assert mistake_in_prose(words.split(), coordinator)
