"""A door: who may come in by it, what each answer leaves with, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from feddmf.errors import FedDMFError
from feddmf.web.problems import Problem

__all__ = ["Door"]


class Door(Protocol):
    """One way into a server, for programs or for people; `Gate` asks it about every request.

    max_body: most bytes of a request's body; body_s: within which it must have come; invalid, unknown: what
    to do where a request does not fit its route, or there is no such route.
    """

    max_body: int
    body_s: float
    invalid: str
    unknown: str

    async def known(self, scope: Scope, headers: Headers) -> Any:
        """Return who calls, None where the path is open to all; Problem where it is nobody known.

        Nobody else waits for it.
        """

    def let_in(self, caller: Any, scope: Scope, headers: Headers) -> None:
        """Raise FedDMFError or Problem where a known caller may not come in now."""

    def note_refused(self, caller: Any, error: FedDMFError) -> None:
        """Write down that a known caller was refused before its request was read; may block."""

    def refusal(self, scope: Scope, problem: Problem) -> Response:
        """Return the answer that tells of a problem, in the form that its caller reads."""

    def place(self, where: Sequence[int | str]) -> str:
        """Return the name of a part of a request, given from the outside in, as its sender knows it."""

    def headers(self, scope: Scope) -> Mapping[str, str]:
        """Return what an answer leaves with, whatever it is."""
