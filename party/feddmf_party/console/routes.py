"""The console as part of the server's app: its door, its pages, its routes."""

from __future__ import annotations

from fastapi import FastAPI

from feddmf.web import assets
from feddmf.web.console_door import ConsoleDoor
from feddmf.web.pages import Pages, Section
from feddmf.web.sign_in import sign_in_router
from feddmf_party.api.desk import Desk
from feddmf_party.api.door import DeskKeys
from feddmf_party.console import attributes, builder, customer, left, overview, saved, status
from feddmf_party.tokens import Role

__all__ = ["Console"]

_ANALYST, _AUDITOR, _ENGINEER = (
    frozenset({role.value}) for role in (Role.ANALYST, Role.AUDITOR, Role.ENGINEER)
)
_SECTIONS = (
    Section("Overview", "/"),
    Section("Attributes", "/attributes", _ANALYST),
    Section("Audiences", "/audiences", _ANALYST),
    Section("Customer", "/customer", _ANALYST),
    Section("What left", "/left", _AUDITOR),
    Section("Questions asked", "/asked", _AUDITOR),
    Section("Status", "/status", _ENGINEER),
)
_PAGES = (overview, attributes, builder, saved, customer, left, status)
_TOKEN = "feddmf token add NAME --role analyst"  # noqa: S105  (a command)


class Console:
    """Pages of one party, for who has signed in with a token of the query API."""

    def __init__(self, desk: Desk, keys: DeskKeys) -> None:
        self.pages = Pages(
            "feddmf_party.console", console="Analyst console", subject=desk.name, sections=_SECTIONS
        )
        self.door = ConsoleDoor(keys, self.pages)

    def join(self, app: FastAPI) -> None:
        """Add the routes to the server's app."""
        app.state.pages = self.pages
        app.include_router(assets.router)
        app.include_router(sign_in_router(self.door, self.pages, token=_TOKEN))
        for page in _PAGES:
            app.include_router(page.router)
