"""A console of one page behind the gate, and a browser that keeps its cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Form, Request
from starlette.responses import Response

from feddmf.errors import FedDMFError, InputError, PolicyError
from feddmf.web import assets
from feddmf.web.console_door import ConsoleDoor
from feddmf.web.failing import answer_errors
from feddmf.web.gate import Gate
from feddmf.web.pages import Pages, Section, SharedPages
from feddmf.web.sign_in import sign_in_router

BASE = "http://localhost:8480"


@dataclass(frozen=True)
class Holder:
    """Who holds a token."""

    name: str
    role: str


@dataclass
class Keys:
    """Two holders, of whom one may not come in; what was refused is kept."""

    tokens: dict[str, Holder] = field(
        default_factory=lambda: {"key of ann": Holder("ann", "reader"), "key of bob": Holder("bob", "banned")}
    )
    refused: list[tuple[str, str]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def holder(self, token: str) -> Holder | None:
        """Return who holds a token."""
        self.looked_up.append(token)
        return self.tokens.get(token)

    def let_in(self, holder: Holder) -> None:
        """Let in all but the banned."""
        if holder.role == "banned":
            raise PolicyError("bob is banned", hint="ask somebody else")

    def note_refused(self, holder: Holder, error: FedDMFError) -> None:
        """Keep it."""
        self.refused.append((holder.name, error.message))


@dataclass
class Browser:
    """Sends requests as a browser does: with its cookies, and with where a form stands."""

    gate: Gate
    keys: Keys
    door: ConsoleDoor
    base: str = BASE
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Send a request from a page of the console, unless headers say otherwise."""
        return asyncio.run(self.sent(method, path, headers=headers, **options))

    async def sent(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Send a request beside others."""
        transport = httpx.ASGITransport(app=self.gate)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
            own = {"Sec-Fetch-Site": "same-origin"} if headers is None else dict(headers)
            found = await client.request(method, path, headers=own, **options)
            self.cookies = client.cookies
            return found

    def sign_in(self, token: str = "key of ann", **fields: str) -> httpx.Response:  # noqa: S107
        """Show a token at the page for it."""
        return self.send("POST", "/sign-in", data={"token": token, **fields})


@pytest.fixture
def browser() -> Browser:
    """Return a browser nobody has signed in with."""
    keys = Keys()
    pages = Pages(
        "feddmf.web",
        console="Test console",
        subject=lambda: "acme <b>",
        sections=(Section("Home", "/"), Section("Secret", "/secret", frozenset({"writer"}))),
    )
    door = ConsoleDoor(keys, pages, max_body=1_000)
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.pages = pages
    app.include_router(assets.router)
    app.include_router(sign_in_router(door, pages, token="make one"))  # noqa: S106

    @app.get("/")
    async def home(request: Request, pages: SharedPages) -> Response:
        return pages.show(request, "problem.html", title="Home", error="none <i>", hint="rest", code=200)

    @app.post("/act")
    async def act(what: Annotated[str, Form(max_length=3)]) -> Response:
        if what == "bad":
            raise InputError("that is bad", hint="do better")
        if what == "bug":
            raise ValueError(what)
        return Response(what)

    answer_errors(app, lambda *_: None)
    return Browser(Gate(app, lambda _: door, {"localhost"}), keys, door)
