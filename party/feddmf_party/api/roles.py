"""Which role may call which route; what is not in the table is closed to all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from feddmf.errors import PolicyError
from feddmf_party.api.desk import SharedDesk
from feddmf_party.tokens import Holder, Role

__all__ = ["PAGES", "ROUTES", "Caller", "admit", "question_of"]

_ALL = frozenset(Role)
_ANALYST, _AUDITOR, _ENGINEER = (frozenset({role}) for role in (Role.ANALYST, Role.AUDITOR, Role.ENGINEER))

ROUTES: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "openapi": _ALL,
        "routes": _ALL,
        "runs": _ALL,
        "run": _ALL,
        "health": _ENGINEER,
        "status": _ENGINEER,
        "policy": _ENGINEER | _AUDITOR,
        "privacy": _ENGINEER | _AUDITOR,
        "quality": _ANALYST | _ENGINEER,
        "changes": _ANALYST | _ENGINEER,
        "attributes": _ANALYST,
        "predictions": _ANALYST,
        "audience": _ANALYST,
        "preview": _ANALYST,
        "top_attributes": _ANALYST,
        "why": _ANALYST,
        "audiences": _ANALYST,
        "save_audience": _ANALYST,
        "saved_audience": _ANALYST,
        "remove_audience": _ANALYST,
        "export_audience": _ANALYST,
        "exports": _ANALYST,
        "export": _ANALYST,
        "export_file": _ANALYST,
        "remove_export": _ANALYST,
        "ledger": _AUDITOR,
        "queries": _AUDITOR,
    }
)
"""The name of each route of the API, and who may call it."""
PAGES: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "console_overview": _ALL,
        "console_changes": _ANALYST | _ENGINEER,
        "console_attributes": _ANALYST,
        "console_attribute": _ANALYST,
        "console_audiences": _ANALYST,
        "console_builder": _ANALYST,
        "console_preview": _ANALYST,
        "console_find": _ANALYST,
        "console_users": _ANALYST,
        "console_save": _ANALYST,
        "console_audience": _ANALYST,
        "console_remove_audience": _ANALYST,
        "console_export": _ANALYST,
        "console_exports": _ANALYST,
        "console_export_file": _ANALYST,
        "console_remove_export": _ANALYST,
        "console_customer": _ANALYST,
        "console_best": _ANALYST,
        "console_why": _ANALYST,
        "console_left": _AUDITOR,
        "console_verify": _AUDITOR,
        "console_asked": _AUDITOR,
        "console_status": _ENGINEER,
    }
)
"""The name of each page of the console, and who may open it."""

# Says in the OpenAPI document how to show a token; the gate has looked at it before.
_BEARER = HTTPBearer(auto_error=False, description="A token of `feddmf token add`.")


def admit(request: Request, desk: SharedDesk, _bearer: Annotated[object, Depends(_BEARER)]) -> Holder:
    """Return who calls; PolicyError, which the query log has, where the role may not."""
    holder: Holder = request.scope["state"]["holder"]
    route = request.scope["route"].name
    if holder.role not in ROUTES.get(route, PAGES.get(route, ())):
        error = PolicyError(
            f"{holder.name} is {holder.role.value}, who may not ask for this",
            hint="ask with a token of another role: feddmf token add NAME --role ROLE",
        )
        desk.note_refused(holder, question_of(route), error)
        raise error
    return holder


def question_of(route: str) -> str:
    """Return a route's name as the query log has it."""
    return route.replace("_", " ")


Caller = Annotated[Holder, Depends(admit)]
"""Who calls, let in by role."""
