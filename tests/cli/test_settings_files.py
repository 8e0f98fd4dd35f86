"""The commented settings files that `init` leaves: they load, uncommented too, and are pleasant to read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from feddmf.cli.main import run
from feddmf.config import Settings
from feddmf.settings_file import literal, render_settings
from feddmf_coordinator.settings import CoordinatorSettings, render_toml
from feddmf_party.policy import Policy, render_policy_toml
from feddmf_party.settings import PartySettings, render_party_toml

FILES: dict[str, tuple[Callable[[], str], type[BaseModel]]] = {
    "party.toml": (render_party_toml, PartySettings),
    "policy.toml": (render_policy_toml, Policy),
    "coordinator.toml": (lambda: render_toml(CoordinatorSettings(federation="fed")), CoordinatorSettings),
}
every_file = pytest.mark.parametrize("name", FILES)


def uncommented(text: str) -> str:
    """Return a settings file with each commented key and section live."""
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


def each_uncommented(text: str) -> Iterator[str]:
    """Yield the file with one commented line live at a time, and with it the header of its section."""
    lines, header = text.splitlines(), -1
    for number, line in enumerate(lines):
        header = number if re.match(r"#?\[", line) else header
        if re.match(r"#\S", line):
            live = {number, header}
            yield "\n".join(each.removeprefix("#") if at in live else each for at, each in enumerate(lines))


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Return the dotted keys of a model and its sections."""
    found = set()
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        found |= keys(section, f"{prefix}{name}.") if section else {f"{prefix}{name}"}
    return found


def flat(values: dict[str, object], prefix: str = "") -> set[str]:
    """Return the dotted keys of parsed TOML."""
    found = set()
    for name, value in values.items():
        section = isinstance(value, dict) and name != "bins"  # whose keys are the company's own columns
        found |= flat(value, f"{prefix}{name}.") if section else {f"{prefix}{name}"}
    return found


@every_file
def test_a_file_loads_as_it_is_written(name: str) -> None:
    """What is live in it is all that is needed."""
    render, model = FILES[name]
    model.model_validate(tomllib.loads(render()))


@every_file
def test_each_commented_key_can_be_uncommented_alone(name: str) -> None:
    """Taking away the # of one line leaves valid TOML."""
    made = [tomllib.loads(text) for text in each_uncommented(FILES[name][0]())]
    assert len(made) > 3
    assert all(values != tomllib.loads(FILES[name][0]()) for values in made)


@every_file
def test_all_keys_uncommented_are_the_models(name: str) -> None:
    """Each key of the model is there, in its section, with a value that the model takes."""
    render, model = FILES[name]
    values = tomllib.loads(uncommented(render()))
    assert flat(values) == keys(model)
    for section in ("data", "attributes"):  # a table has either a path or the keys of a database
        for key in ("url", "table", "query", "cache_query"):
            values.get(section, {}).pop(key, None)
    model.model_validate(values)


@every_file
def test_lines_are_short_and_say_what_they_are(name: str) -> None:
    """At most 98 characters but for lists; prose begins with "# ", a key with "#" and has prose above it."""
    lines = FILES[name][0]().splitlines()
    assert all(len(line) <= 98 for line in lines if not re.match(r"#?[a-z_]+ = \[", line))
    for above, line in pairwise(lines):
        if re.match(r"#?[a-z_]+ = ", line):
            assert above.startswith("# "), line
    assert not [line for line in lines if re.match(r"# \S+ = ", line)]


def test_init_writes_these_files(tmp_path: Path) -> None:
    """What the commands leave is what is tested here."""
    assert run(["party", "init", "--folder", str(tmp_path / "p")]) == 0
    assert run(["coordinator", "init", "fed", "--folder", str(tmp_path / "c")]) == 0
    for folder in ("p", "c"):
        for path in (tmp_path / folder).glob("*.toml"):
            assert path.read_text() == FILES[path.name][0]()
    assert {path.name for path in tmp_path.glob("*/*.toml")} == set(FILES)


def test_values_with_few_choices_name_them() -> None:
    """A reader of the file need not look for the documentation."""
    assert 'One of "error", "skip".' in render_party_toml()
    assert '"item_count"' in render_policy_toml()


class Colour(StrEnum):
    """A closed set."""

    RED = "red"
    BLUE = "blue"


class Inner(Settings):
    """A section."""

    needed: str = Field(description="What it is.", examples=['a "b"'])
    mode: Literal["x", "y"] = Field("x", description="How it is.")


class Outer(Settings):
    """A file."""

    size: int = Field(3, description="How big. " * 20)
    colours: tuple[Colour, ...] = Field((Colour.RED,), description="Which colours.")
    always: Inner = Field(Inner(needed="n"), description="Always there.")
    maybe: Inner | None = Field(None, description="There or not.")


def test_a_file_is_laid_out_like_this() -> None:
    """Scalars first, then sections; what is given is live, an optional section is commented whole."""
    prose = ("How big. " * 20).split()
    text = render_settings(Outer, {"size": 4, "always": {"needed": "given"}}, intro="A test.")
    assert text == (
        '# A test. A key behind "#" stands at its default, or is optional: remove the "#" to set it.\n\n'
        f"# {' '.join(prose[:21])}\n# {' '.join(prose[21:])}\nsize = 4\n\n"
        '# Which colours. Any of "red", "blue".\n#colours = ["red"]\n\n\n'
        '# Always there.\n[always]\n\n# What it is.\nneeded = "given"\n\n'
        '# How it is. One of "x", "y".\n#mode = "x"\n\n\n'
        '# There or not. To use it, remove the "#" of [maybe] first.\n#[maybe]\n\n'
        '# What it is.\n#needed = "a \\"b\\""\n\n'
        '# How it is. One of "x", "y".\n#mode = "x"\n'
    )


def test_a_key_without_a_value_to_show_is_an_error_of_ours() -> None:
    """A new setting without default and example is noticed here, not by a reader."""

    class Unshown(Settings):
        key: int | None = None

    with pytest.raises(ValueError, match="key has neither a default nor an example"):
        render_settings(Unshown, {}, intro="A test.")


@pytest.mark.parametrize(
    "value",
    [
        True,
        0,
        -5,
        65_535,
        2_000_000_000,
        0.1,
        1e-7,
        1e300,
        'a "quoted" \\ back\tslash\n\x7f\x01',
        "été 東京 🎈",
        ("a", "b"),
        (),
        datetime(2025, 1, 31, 8, 15, tzinfo=UTC),
    ],
)
def test_a_value_survives_toml(value: object) -> None:
    """What is written is what is read."""
    read = tomllib.loads(f"x = {literal(value)}")["x"]
    assert read == (list(value) if isinstance(value, tuple) else value)
    assert isinstance(read, bool) == isinstance(value, bool)


def test_large_numbers_can_be_read() -> None:
    """Digits in groups, but not for a port."""
    assert (literal(2_000_000_000), literal(65_535), literal(Path("a/b"))) == (
        "2_000_000_000",
        "65535",
        '"a/b"',
    )
