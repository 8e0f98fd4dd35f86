"""Folders that commands work on, made once; a test that changes one takes a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from feddmf.cli.main import run
from support.authority import EnrolledFederation
from support.cli import Cli
from support.federation import founded
from support.runs import small_run
from support.shops import Shops, make_shops


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


@pytest.fixture(scope="session")
def made_shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """Two shops that nobody changes."""
    return make_shops(tmp_path_factory.mktemp("made") / "two shops")


@pytest.fixture
def shops(made_shops: Shops, tmp_path: Path) -> Shops:
    """Two shops of one's own, in a folder with a blank in its name."""
    shutil.copytree(made_shops.path, tmp_path / "two shops")
    return Shops(tmp_path / "two shops")


@pytest.fixture(scope="session")
def simulated(made_shops: Shops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one folder a shop, each with a finished run; nobody changes it."""
    out = tmp_path_factory.mktemp("simulated")
    assert run(made_shops.simulate(out)) == 0
    return out


@pytest.fixture
def acme(simulated: Path, tmp_path: Path) -> Path:
    """Return a folder of one's own with the finished run of acme."""
    return Path(shutil.copytree(simulated / "acme", tmp_path / "acme"))


@pytest.fixture(scope="session")
def made_federation(tmp_path_factory: pytest.TempPathFactory) -> EnrolledFederation:
    """Return a coordinator and two parties that have accepted catalogue 1; nobody changes them."""
    return founded(tmp_path_factory.mktemp("founded"), small_run(2))


@pytest.fixture
def federation(made_federation: EnrolledFederation, tmp_path: Path) -> EnrolledFederation:
    """Return a federation of one's own."""
    origin = made_federation.folder.path.parent
    shutil.copytree(origin, tmp_path / "federation")
    return EnrolledFederation(
        type(made_federation.folder)(tmp_path / "federation" / made_federation.folder.path.name),
        made_federation.settings,
        made_federation.root_fingerprint,
        {party: tmp_path / "federation" / home.name for party, home in made_federation.parties.items()},
    )
