"""A party's folder with finished runs, and what it serves to the holders of tokens, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from feddmf.web.gate import Gate
from feddmf_party.api.app import make_api
from feddmf_party.api.desk import Desk
from feddmf_party.folder import PartyFolder
from feddmf_party.query_log import read_queries
from feddmf_party.tokens import Role, TokenFile
from support.finished import finished_run, hidden_cells, history_run

__all__ = ["BASE", "HIDDEN", "PEERS", "USERS", "Api", "make_home", "opened"]

USERS = {"ann": 1.0, "bob": -2.0, "cat": 2.0, "dan": 0.5}
PEERS: dict[str, dict[str, float | tuple[float, float, float]]] = {
    "bolt": {"pen": 1.0, "cup": -0.5, "gold=yes": (0.3, 0.8, 0.02)},
    "cargo": {"pen": -3.0, "ink/blue": 0.25},
}
HIDDEN = {peer: hidden_cells(60, 40, skill=skill, seed=2) for peer, skill in (("bolt", 1.0), ("cargo", 0.8))}
BASE = "http://127.0.0.1:8480"


@dataclass(frozen=True)
class Api:
    """Asks the API in this process, as the holder of a token of each role."""

    home: PartyFolder
    desk: Desk
    gate: Gate
    tokens: Mapping[Role, str]

    @property
    def door(self) -> Any:
        """The door of the API, for tests that change its limits."""
        return self.gate._door("/v1")

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Send one request; options are those of httpx."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.gate)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(sent())

    def get(self, path: str, role: Role = Role.ANALYST, **params: Any) -> dict[str, Any]:
        """Read a path; return what it says."""
        return self._good(self.send("GET", path, token=self.tokens[role], params=params))

    def post(self, path: str, body: Mapping[str, Any], role: Role = Role.ANALYST) -> dict[str, Any]:
        """Ask a question; return the answer."""
        return self._good(self.send("POST", path, token=self.tokens[role], json=body))

    def file(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Ask a question whose answer is a file."""
        response = self.send("POST", path, token=self.tokens[Role.ANALYST], json=body)
        assert response.status_code == 200, response.text
        return response.content

    def fails(self, status: int, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request that ends with `status`; return its error, which is in the one form."""
        options.setdefault("token", self.tokens[Role.ANALYST])
        response = self.send(method, path, **options)
        assert response.status_code == status, response.text
        told: dict[str, Any] = response.json()
        assert set(told) == {"error", "hint", "kind", "exit_code"}
        assert told["error"]
        assert told["hint"]
        assert "Traceback" not in response.text
        return told

    def queries(self) -> list[dict[str, Any]]:
        """Return the query log."""
        return read_queries(self.home.query_log)

    @staticmethod
    def _good(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


def make_home(path: Path) -> PartyFolder:
    """Make a party's folder with two finished runs; see `home`."""
    made = PartyFolder(path)
    made.create()
    plain = {peer: {key: each for key, each in items.items() if isinstance(each, float)}
             for peer, items in PEERS.items()}  # fmt: skip
    finished_run(made.runs / "plain", USERS, plain)
    history_run(made.runs / "r-1", USERS, PEERS, HIDDEN)
    return made


@contextmanager
def opened(home: PartyFolder) -> Iterator[Api]:
    """Serve a folder, with a token of each role under the role's name."""
    file = TokenFile(home.tokens)
    tokens = {role: file.add(role.value, role, days=1)[0] for role in Role}
    desk = Desk(home)
    try:
        yield Api(home, desk, make_api(desk), tokens)
    finally:
        desk.close()
