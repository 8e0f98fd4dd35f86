from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from feddmf.config import parse_settings
from feddmf.errors import ConfigError
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings, render_toml


def test_every_setting_is_described_and_written() -> None:
    """The file that init leaves names each key of the model, with its description above it."""
    text = render_toml(CoordinatorSettings(federation="fed"))
    for name, field in CoordinatorSettings.model_fields.items():
        assert field.description
        assert f"{name} = " in text or f"\n[{name}]\n" in text


def test_defaults_are_commented_out_and_the_rest_is_not() -> None:
    """The written file holds what differs from the defaults and nothing else."""
    settings = CoordinatorSettings(federation="fed", port=9000, hosts=("hub.example",))
    assert tomllib.loads(render_toml(settings)) == {
        "federation": "fed",
        "port": 9000,
        "hosts": ["hub.example"],
        "limits": {},
        "metrics": {},
        "logging": {},
    }


def test_settings_survive_their_file(tmp_path: Path) -> None:
    """What was written is what is loaded."""
    settings = CoordinatorSettings(
        federation="fed", enrolment_poll_s=0.5, database='postgresql://u@h/"x"', listen="::1"
    )
    folder = CoordinatorFolder(tmp_path)
    folder.settings_file.write_text(render_toml(settings))
    assert folder.load() == settings


def test_commented_defaults_can_be_uncommented(tmp_path: Path) -> None:
    """A key whose # is removed is a valid line."""
    folder = CoordinatorFolder(tmp_path)
    lines = render_toml(CoordinatorSettings(federation="fed")).splitlines()
    bare = [line.removeprefix("#") for line in lines if " = " in line or line.startswith("[")]
    folder.settings_file.write_text("\n".join(bare))
    assert folder.load().database == "sqlite:////path/to/coordinator.db"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "missing key federation"),
        ({"federation": "Fed"}, "federation"),
        ({"federation": "fed", "hosts": ["no host"]}, "neither a host name nor an IP address"),
        ({"federation": "fed", "hosts": ["localhost\n"]}, "neither a host name nor an IP address"),
        ({"federation": "fed", "hosts": []}, "hosts"),
        ({"federation": "fed", "port": 0}, "port"),
        ({"federation": "fed", "port": 8471}, "the same"),
        ({"federation": "fed", "prot": 1}, "unknown key prot"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], message: str) -> None:
    """Each mistake is an error with its key."""
    with pytest.raises(ConfigError, match=message):
        parse_settings(values, CoordinatorSettings, where="coordinator.toml")


def test_another_folder_is_no_coordinators(tmp_path: Path) -> None:
    """A folder without coordinator.toml says what to do."""
    with pytest.raises(ConfigError, match="not a coordinator's folder") as caught:
        CoordinatorFolder(tmp_path).load()
    assert "feddmf coordinator init" in caught.value.hint


def test_the_database_is_a_file_in_the_folder_unless_it_is_named(tmp_path: Path) -> None:
    """Without a URL the folder holds everything."""
    folder = CoordinatorFolder(tmp_path)
    plain = CoordinatorSettings(federation="fed")
    named = CoordinatorSettings(federation="fed", database="postgresql://h/d")
    assert folder.database_url(plain) == f"sqlite:///{tmp_path}/coordinator.db"
    assert folder.database_url(named) == "postgresql://h/d"
