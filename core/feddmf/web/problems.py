"""Errors as answers: {error, hint, kind, exit_code} with an HTTP status; never a traceback."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from feddmf.errors import (
    CatalogueError,
    ConfigError,
    ConnectError,
    DataError,
    FedDMFError,
    InputError,
    LocalResourceError,
    PolicyError,
    RunFailed,
    TimedOut,
)

__all__ = ["DEFECT", "Problem", "ProblemBody", "problem_response", "problem_status"]

DEFECT = FedDMFError("internal error", hint="this is a defect of ours; the server's log says where")
"""What callers are told of a defect."""

# The first that an error is one of.
_STATUS: tuple[tuple[type[FedDMFError], int], ...] = (
    (CatalogueError, 404),
    (DataError, 422),
    (ConfigError, 500),
    (InputError, 400),
    (PolicyError, 403),
    (RunFailed, 409),
    (ConnectError, 502),
    (TimedOut, 504),
    (LocalResourceError, 503),
    (FedDMFError, 500),
)
_COMMAND = "feddmf "
_OPTION = re.compile(r"--([a-z]+)(?: (?:FILE|N|P)\b)?")


class Problem(Exception):  # noqa: N818  (reads as what happened)
    """An error with a status of its own."""

    def __init__(
        self, status: int, error: FedDMFError, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = headers


class ProblemBody(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="What is wrong.")
    hint: str = Field(description="What to do about it.")
    kind: str = Field(description="The kind of error, as the command line names it.", examples=["DataError"])
    exit_code: int = Field(description="The exit code that a command would end with.", examples=[4])


def problem_status(error: FedDMFError) -> int:
    """Return the status that an error is answered with."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def problem_response(
    status: int, error: FedDMFError, headers: Mapping[str, str] = MappingProxyType({})
) -> JSONResponse:
    """Return the answer that tells of an error."""
    body = ProblemBody(
        error=error.message,
        hint="; ".join(map(_in_fields, error.hint.split("; "))),
        kind=type(error).__name__,
        exit_code=error.exit_code,
    )
    return JSONResponse(body.model_dump(), status, dict(headers))


def _in_fields(advice: str) -> str:
    """Name fields of the API, which bear the options' names; a command line stays as it is typed."""
    return advice if _COMMAND in advice else _OPTION.sub(r'"\1"', advice)
