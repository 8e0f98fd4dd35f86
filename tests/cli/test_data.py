"""`feddmf data` and the mistakes of `feddmf demo`, without a download."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from feddmf_party.datasets import registry
from feddmf_party.datasets.registry import DATASETS
from feddmf_party.datasets.source import Source
from support.cli import Cli, listing


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no data set lies anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("FEDDMF_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A data set of one small file, in ./data, that nobody can download."""
    known = DATASETS["ml-latest-small"]
    file = replace(known.files[0], name="tiny.csv", sha256=hashlib.sha256(b"x").hexdigest(), strict=True)
    source = replace(known, name="tiny", title="Tiny", files=(file,), url=None)
    monkeypatch.setattr(registry, "DATASETS", {**DATASETS, "tiny": source})
    monkeypatch.setattr("feddmf_party.cli.data.DATASETS", {**DATASETS, "tiny": source})
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "tiny.csv").write_bytes(b"x")
    return source


def test_data_sets_are_listed_with_their_folders(cli: Cli, tiny: Source) -> None:
    """What is not here says how to get it; in JSON it has no folder."""
    lines = [line.split() for line in cli.text("data", "list").splitlines()]
    assert lines[0] == ["data", "set", "folder"]
    assert ["tiny", "data/tiny"] in lines
    found = {each["name"]: each["folder"] for each in cli.data("data", "list")["datasets"]}
    assert found == dict.fromkeys(DATASETS) | {"tiny": "data/tiny"}
    absent = [name for name, folder in found.items() if folder is None]
    assert sum("feddmf data fetch" in " ".join(line) for line in lines) == len(absent)


def test_a_data_set_that_is_here_is_found(cli: Cli, tiny: Source, tmp_path: Path) -> None:
    """In ./data, or first where --data-dir says."""
    assert cli.text("data", "fetch", "tiny") == "data/tiny\n"
    (tmp_path / "other" / "tiny").mkdir(parents=True)
    (tmp_path / "other" / "tiny" / "tiny.csv").write_bytes(b"x")
    data = cli.data("data", "fetch", "tiny", "--data-dir", tmp_path / "other")
    assert data == {"name": "tiny", "folder": f"{tmp_path}/other/tiny"}


def test_a_file_that_differs_from_its_publishers_is_refused(cli: Cli, tiny: Source, tmp_path: Path) -> None:
    """Both digests, and what to do."""
    (tmp_path / "data" / "tiny" / "tiny.csv").write_bytes(b"y")
    said = cli.fails(4, "data", "fetch", "tiny")
    assert "data/tiny/tiny.csv: its SHA-256 is" in said
    assert "delete it and run the command again" in said


@pytest.mark.parametrize(
    "command", [["data", "fetch", "online-retail"], ["demo"], ["demo", "--dataset", "online-retail"]]
)
def test_a_data_set_that_cannot_be_downloaded_says_what_to_put_where(
    cli: Cli, tmp_path: Path, command: list[str]
) -> None:
    """File, digest, folders and recipe; and nothing is made."""
    said = cli.fails(4, *command)
    assert "UCI Online Retail is in none of the places looked at" in said
    assert "put online_retail.parquet (SHA-256 " in said
    # The demo draws with matplotlib, which keeps a cache of fonts in the home folder.
    assert not [name for name in listing(tmp_path) if not name.startswith("home")]


@pytest.mark.parametrize("command", [["data", "fetch"], ["demo", "--dataset"]])
@pytest.mark.parametrize("name", ["netflix", "", "../x", "\x1b[31m"])
def test_an_unknown_data_set_names_the_known_ones(cli: Cli, command: list[str], name: str) -> None:
    """Whatever was typed."""
    said = cli.fails(4, *command, name)
    assert f"no data set {name!r}" in said
    assert "the data sets are ml-100k, ml-1m, ml-latest-small, online-retail" in said
