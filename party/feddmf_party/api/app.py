"""What a party serves as one ASGI app: API for programs, console for people, one gate before both."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from feddmf.errors import FedDMFError
from feddmf.web.failing import answer_errors
from feddmf.web.gate import Gate
from feddmf.web.listening import LOOPBACK_NAMES
from feddmf.web.problems import ProblemBody
from feddmf_party.api import analysts, changes, explanations, exports, one_run, overseers, saved
from feddmf_party.api.accounts import Route, RouteList
from feddmf_party.api.desk import Desk
from feddmf_party.api.door import ApiDoor, DeskKeys
from feddmf_party.api.roles import ROUTES, Caller, question_of
from feddmf_party.console.routes import Console
from feddmf_party.tokens import Holder

__all__ = ["make_api", "make_app"]

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemBody, "description": "What was asked cannot be answered, or not to this token."},
    "5XX": {"model": ProblemBody, "description": "This server, its folder or its machine is at fault."},
}
_ABOUT = (
    "Predictions of one party for its own users, from its own files. Every request shows a token in the "
    "header Authorization: Bearer TOKEN. User ids are sent in bodies alone."
)
_API = ("/v1", "/openapi.json")
_ROUTERS = (
    *(analysts.router, explanations.router, changes.router, saved.router, exports.router),
    *(overseers.router, one_run.router),
)


def make_app(desk: Desk) -> FastAPI:
    """Return the query API without its gate, which alone says who calls: not to be served as it is."""
    app = FastAPI(
        title="FedDMF query API",
        version=version("feddmf"),
        description=_ABOUT,
        # The pages that come with the framework fetch their scripts from the internet.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=_PROBLEMS,
        redirect_slashes=False,
    )
    app.state.desk = desk
    for router in _ROUTERS:
        app.include_router(router)

    @app.get("/openapi.json", name="openapi", include_in_schema=False)
    async def openapi(_caller: Caller) -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/v1", name="routes", tags=["all"])
    async def routes(caller: Caller) -> RouteList:
        """List what the caller's role may ask for; /openapi.json describes it."""
        every = (*app.routes, *(route for router in _ROUTERS for route in router.routes))
        open_ = (route for route in every if isinstance(route, APIRoute))
        return RouteList(
            role=caller.role.value,
            described_in="/openapi.json",
            routes=[
                Route(method=method, path=route.path, about=(route.description or "").partition("\n")[0])
                for route in open_
                if caller.role in ROUTES.get(route.name, ()) and route.include_in_schema
                for method in sorted(route.methods or ())
            ],
        )

    def note(caller: Holder | None, route: str | None, error: FedDMFError) -> None:
        if caller is not None:
            desk.note_refused(caller, question_of(route) if route else "nothing known", error)

    answer_errors(app, note)
    return app


def make_api(desk: Desk, hosts: Collection[str] = LOOPBACK_NAMES) -> Gate:
    """Return what is served, API and console; hosts: names that it answers to."""
    keys = DeskKeys(desk)
    app, console, api = make_app(desk), Console(desk, keys), ApiDoor(keys)
    console.join(app)
    return Gate(app, lambda path: api if path.startswith(_API) else console.door, hosts)
