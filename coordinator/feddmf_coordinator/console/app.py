"""The console as one ASGI app behind one gate."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version

from fastapi import FastAPI

from feddmf.errors import FedDMFError
from feddmf.web import assets
from feddmf.web.console_door import ConsoleDoor
from feddmf.web.failing import answer_errors
from feddmf.web.gate import Gate
from feddmf.web.listening import LOOPBACK_NAMES
from feddmf.web.pages import Pages, Section
from feddmf.web.sign_in import sign_in_router
from feddmf_coordinator.console import audit, catalogue, parties, run_form, runs
from feddmf_coordinator.console.keys import OperatorKeys
from feddmf_coordinator.console.office import Office, Signed

__all__ = ["make_console"]

_SECTIONS = (
    Section("Parties", "/parties"),
    Section("Catalogue", "/catalogue"),
    Section("Runs", "/runs"),
    Section("Audit", "/audit"),
)
_TOKEN = "feddmf coordinator operators add NAME"  # noqa: S105  (a command)
_UPLOAD_BYTES = 64 << 20
_UPLOAD_S = 120.0


def make_console(office: Office, hosts: Collection[str] = LOOPBACK_NAMES) -> Gate:
    """Return what is served; hosts: names that it answers to."""
    app = FastAPI(
        title="FedDMF operator console",
        version=version("feddmf"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    pages = Pages(
        "feddmf_coordinator.console",
        console="Operator console",
        subject=office.federation,
        sections=_SECTIONS,
    )
    keys = OperatorKeys(office)
    door = ConsoleDoor(keys, pages)
    # Only who has signed in gets as far as to send so much.
    uploads = ConsoleDoor(keys, pages, max_body=_UPLOAD_BYTES, body_s=_UPLOAD_S)
    uploads.sessions = door.sessions
    app.state.office, app.state.pages = office, pages
    for router in (assets.router, sign_in_router(door, pages, token=_TOKEN)):
        app.include_router(router)
    for each in (parties, catalogue, run_form, runs, audit):
        app.include_router(each.router)

    def note(caller: Signed | None, route: str | None, error: FedDMFError) -> None:
        del route
        if caller is not None:
            keys.note_refused(caller, error)

    answer_errors(app, note)
    large = (catalogue.PREVIEW, audit.COMPARE)
    return Gate(app, lambda path: uploads if path in large else door, hosts)
