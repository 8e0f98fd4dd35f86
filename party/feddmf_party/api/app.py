"""The query API as one ASGI app: routes behind a gate, errors in one form, an OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from importlib.metadata import version
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from feddmf.errors import FedDMFError, InputError
from feddmf_party.api import analysts, overseers
from feddmf_party.api.accounts import Route, RouteList
from feddmf_party.api.desk import Desk
from feddmf_party.api.gate import Gate
from feddmf_party.api.problems import DEFECT, Problem, ProblemBody, problem_response, problem_status
from feddmf_party.api.roles import ROUTES, Caller, question_of

__all__ = ["LOOPBACK_NAMES", "make_api", "make_app"]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemBody, "description": "What was asked cannot be answered, or not to this token."},
    "5XX": {"model": ProblemBody, "description": "This server, its folder or its machine is at fault."},
}
_ABOUT = (
    "Predictions of one party for its own users, from its own files. Every request shows a token in the "
    "header Authorization: Bearer TOKEN. User ids are sent in bodies alone."
)


def make_app(desk: Desk) -> FastAPI:
    """Return the app without its gate, which alone says who calls: not to be served as it is."""
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
    app.include_router(analysts.router)
    app.include_router(overseers.router)

    @app.get("/openapi.json", name="openapi", include_in_schema=False)
    async def openapi(_caller: Caller) -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/v1", name="routes", tags=["all"])
    async def routes(caller: Caller) -> RouteList:
        """List what the caller's role may ask for; /openapi.json describes it."""
        every = (*app.routes, *overseers.router.routes, *analysts.router.routes)
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

    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(FedDMFError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)
    return app


def make_api(desk: Desk, hosts: Collection[str] = LOOPBACK_NAMES) -> Gate:
    """Return what is served; hosts: names that it answers to."""
    return Gate(make_app(desk), desk, hosts)


async def _told(_request: Request, error: Exception) -> JSONResponse:
    problem = cast("Problem", error)
    return problem_response(problem.status, problem.error, problem.headers)


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    found = cast("FedDMFError", error)
    return problem_response(problem_status(found), found)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    # What was sent is not sent back: it may hold user ids.
    first = cast("RequestValidationError", error).errors()[0]
    where = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    told = InputError(f"{where}: {message}", hint="see what it takes: /openapi.json")
    await _note(request, told)
    return problem_response(422, told)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    found = cast("HTTPException", error)
    told = InputError(str(found.detail), hint="see what there is: /v1")
    await _note(request, told)
    return problem_response(found.status_code, told, found.headers or {})


async def _note(request: Request, told: InputError) -> None:
    """Write down what was refused before it came to a question; nothing that the caller wrote."""
    route, desk = request.scope.get("route"), request.app.state.desk
    question = question_of(route.name) if route else "nothing known"
    await asyncio.to_thread(desk.note_refused, request.scope["state"]["holder"], question, told)


async def _broken(_request: Request, _error: Exception) -> JSONResponse:
    # The error goes on to the gate, which logs it.
    return problem_response(500, DEFECT)
