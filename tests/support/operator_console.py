"""The operators' console in this process, as a browser asks it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx

from feddmf.web.gate import Gate
from feddmf_coordinator.console.app import make_console
from feddmf_coordinator.console.office import Office
from feddmf_coordinator.store.operators import read_log
from support.authority import EnrolledFederation

__all__ = ["HEADER", "ROWS", "Browser", "opened"]

BASE = "http://127.0.0.1:8490"
HEADER = "key,label,local_id:acme,local_id:bolt\n"
ROWS = "a,A,1,x\nb,B,2,y\nc,C,3,\n"


@dataclass
class Browser:
    """Asks the console in this process; cookies are kept, and requests say where they come from."""

    federation: EnrolledFederation
    office: Office
    gate: Gate
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    @property
    def token(self) -> str:
        """The first operator's token."""
        return self.federation.folder.operator_token.read_text().strip()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request; options are those of httpx."""
        headers = {"Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.gate)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=self.cookies) as client:
                response = await client.request(method, path, headers=headers, **options)
                self.cookies = client.cookies
                return response

        response = asyncio.run(sent())
        assert "Traceback" not in response.text
        assert "internal error" not in response.text
        return response

    def sign_in(self) -> Browser:
        """Sign in as the first operator."""
        assert self.send("POST", "/sign-in", data={"token": self.token}).status_code == 303
        return self

    def page(self, path: str, *, status: int = 200) -> str:
        """Return the text of a page as somebody reads it."""
        return self.read(self.send("GET", path), status)

    def post(self, path: str, *, status: int = 303, **options: Any) -> str:
        """Send a form; return the text of the page that answers, or where it leads."""
        response = self.send("POST", path, **options)
        return response.headers["location"] if status == 303 else self.read(response, status)

    def did(self) -> list[tuple[str, str]]:
        """Return what operators did: who, what."""
        with self.office.database.read() as connection:
            return [(each["operator"], each["action"]) for each in read_log(connection)]

    @staticmethod
    def read(response: httpx.Response, status: int = 200) -> str:
        """Return what a page says, without its marks."""
        assert response.status_code == status, response.text
        text = re.sub(r"<script.*?</script>|<style.*?</style>", " ", response.text, flags=re.DOTALL)
        assert " style=" not in text
        assert "onclick" not in text
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def opened(federation: EnrolledFederation) -> Iterator[Browser]:
    """Yield a browser before the console of a federation."""
    office = Office(federation.folder)
    yield Browser(federation, office, make_console(office))
    office.close()
