"""The console of a party's folder, asked as a browser would: by pages, forms and links, and no script."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from feddmf_party.tokens import Role
from support.party_api import BASE, Api, make_home, opened

__all__ = ["Browser", "Page"]


@dataclass(frozen=True)
class Page:
    """What came: its status, its address, and what a person reads on it."""

    status: int
    path: str
    source: str
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """All words of it, without markup, with single blanks."""
        shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", self.source, flags=re.DOTALL)
        return " ".join(html.unescape(shown).split())

    @property
    def links(self) -> list[str]:
        """Addresses of all links."""
        return [html.unescape(each) for each in re.findall(r'<a [^>]*href="([^"]*)"', self.source)]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Names and values of all hidden fields."""
        found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', self.source)
        return [(name, html.unescape(value)) for name, value in found]


@dataclass
class Browser:
    """Somebody who has signed in, in one browser."""

    api: Api
    role: Role
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def __post_init__(self) -> None:
        token = self.api.tokens[self.role]
        assert self.post("/sign-in", {"token": token}).status == 200

    def get(self, path: str, *, live: bool = False, back: bool = False, **params: Any) -> Page:
        """Open an address; live: as a part of the page that is open; back: as the way back in it does."""
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        return self._send("GET", path + query, live=live, back=back)

    def post(
        self, path: str, fields: Mapping[str, Any] | list[tuple[str, str]], *, live: bool = False
    ) -> Page:
        """Send a form."""
        body = urlencode(fields, doseq=True)
        return self._send("POST", path, live=live, content=body)

    def _send(
        self, method: str, path: str, *, live: bool, back: bool = False, content: str | None = None
    ) -> Page:
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"HX-Request": "true"} if live else {})
        if back:
            headers["HX-History-Restore-Request"] = "true"
        if content is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.api.gate)  # type: ignore[arg-type]
            async with httpx.AsyncClient(
                transport=transport, base_url=BASE, cookies=self.cookies, follow_redirects=True
            ) as client:
                response = await client.request(method, path, headers=headers, content=content)
                self.cookies = client.cookies
                return response

        found = asyncio.run(sent())
        assert "Traceback" not in found.text
        address = found.url.raw_path.decode()
        return Page(found.status_code, address, found.text, found.headers)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Return the server of a folder with two finished runs, one of them measured."""
    with opened(make_home(tmp_path / "acme")) as found:
        yield found


@pytest.fixture
def browse(api: Api) -> Callable[[Role], Browser]:
    """Return what signs a role in."""
    return lambda role: Browser(api, role)


@pytest.fixture
def analyst(api: Api) -> Browser:
    """Return the browser of an analyst."""
    return Browser(api, Role.ANALYST)
