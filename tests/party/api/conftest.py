"""A party's folder with a finished run, tokens of each role, and the API in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from feddmf_party.folder import PartyFolder
from feddmf_party.tokens import Role, TokenFile
from support.party_api import Api, make_home, opened
from support.ports import free_ports
from support.processes import started

__all__ = ["Api", "Served"]


@dataclass(frozen=True)
class Served:
    """A folder that a process serves on a real socket; tokens: of each role."""

    home: PartyFolder
    url: str
    tokens: Mapping[Role, str]


@pytest.fixture
def home(tmp_path: Path) -> PartyFolder:
    """Return a party's folder with two finished runs: the later has histories and was measured."""
    return make_home(tmp_path / "acme")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve such a folder, by a process that all tests of a module ask."""
    folder = tmp_path_factory.mktemp("served")
    made = make_home(folder / "acme")
    made.policy_file.write_text("[queries]\nper_minute = 100000\n")
    file, (port,) = TokenFile(made.tokens), free_ports(1)
    tokens = {role: file.add(role.value, role, days=1)[0] for role in Role}
    with started(folder, "api", "api", "serve", "--folder", str(made.path), "--port", str(port)) as server:
        server.until("answers at ")
        yield Served(made, f"http://127.0.0.1:{port}", tokens)


@pytest.fixture
def api(home: PartyFolder) -> Iterator[Api]:
    """Return the API of that folder, with a token of each role under the role's name."""
    with opened(home) as found:
        yield found
