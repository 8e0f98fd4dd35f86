"""Errors of an app's routes, as answers of the door that their requests came through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from feddmf.errors import FedDMFError, InputError
from feddmf.web.door import Door
from feddmf.web.problems import DEFECT, Problem, problem_status

__all__ = ["answer_errors"]

Note = Callable[[Any, str | None, FedDMFError], None]


def answer_errors(app: FastAPI, note: Note) -> None:
    """Have the doors answer what goes wrong in routes of `app`.

    note: writes down what was refused before it came to a question: caller, route, error; may block.
    """

    async def told(request: Request, error: Exception) -> Response:
        return _refusal(request, cast("Problem", error))

    async def failed(request: Request, error: Exception) -> Response:
        found = cast("FedDMFError", error)
        return _refusal(request, Problem(problem_status(found), found))

    async def does_not_fit(request: Request, error: Exception) -> Response:
        # What was sent is not sent back: it may hold user ids.
        first = cast("RequestValidationError", error).errors()[0]
        door = _door(request)
        message = str(first["msg"]).removeprefix("Value error, ")
        found = InputError(f"{door.place(first['loc'])}: {message}", hint=door.invalid)
        await write_down(request, found)
        return _refusal(request, Problem(422, found))

    async def refused(request: Request, error: Exception) -> Response:
        found = cast("HTTPException", error)
        refusal = InputError(str(found.detail), hint=_door(request).unknown)
        await write_down(request, refusal)
        return _refusal(request, Problem(found.status_code, refusal, found.headers or {}))

    async def broken(request: Request, _error: Exception) -> Response:
        # The error goes on to the gate, which logs it.
        return _refusal(request, Problem(500, DEFECT))

    async def write_down(request: Request, error: FedDMFError) -> None:
        route = request.scope.get("route")
        caller = request.scope["state"]["holder"]
        await asyncio.to_thread(note, caller, route.name if route else None, error)

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(FedDMFError, failed)
    app.add_exception_handler(RequestValidationError, does_not_fit)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, broken)


def _refusal(request: Request, problem: Problem) -> Response:
    return _door(request).refusal(request.scope, problem)


def _door(request: Request) -> Door:
    door: Door = request.scope["state"]["door"]
    return door
