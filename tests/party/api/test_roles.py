"""Roles and routes: every route is in the table, and opens to those in it and to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from feddmf_party.api.app import make_app
from feddmf_party.api.roles import ROUTES
from feddmf_party.audiences.exports import Export, ExportFiles
from feddmf_party.tokens import Role

if TYPE_CHECKING:
    from conftest import Api

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "openapi": ("GET", "/openapi.json", {}),
    "routes": ("GET", "/v1", {}),
    "runs": ("GET", "/v1/runs", {}),
    "run": ("GET", "/v1/runs/{run}", {}),
    "health": ("GET", "/v1/health", {}),
    "status": ("GET", "/v1/status", {}),
    "policy": ("GET", "/v1/policy", {}),
    "privacy": ("GET", "/v1/privacy", {}),
    "quality": ("GET", "/v1/quality", {}),
    "attributes": ("GET", "/v1/attributes", {}),
    "predictions": ("POST", "/v1/predictions", {"json": {"attributes": ["pen"]}}),
    "audience": ("POST", "/v1/audience", {"json": {"attribute": "pen"}}),
    "preview": ("POST", "/v1/audience/preview", {"json": {"attribute": "pen"}}),
    "top_attributes": ("POST", "/v1/top-attributes", {"json": {"users": ["ann"]}}),
    "why": ("POST", "/v1/why", {"json": {"user": "ann", "attribute": "pen"}}),
    "changes": ("GET", "/v1/changes", {}),
    "save_audience": ("POST", "/v1/audiences", {"json": {"name": "pens", "attribute": "pen"}}),
    "audiences": ("GET", "/v1/audiences", {}),
    "saved_audience": ("GET", "/v1/audiences/{name}", {}),
    "export_audience": ("POST", "/v1/audiences/{name}/exports", {"json": {}}),
    "exports": ("GET", "/v1/exports", {}),
    "export": ("GET", "/v1/exports/{export}", {}),
    "export_file": ("GET", "/v1/exports/{export}/file", {}),
    "remove_export": ("DELETE", "/v1/exports/{export}", {}),
    "remove_audience": ("DELETE", "/v1/audiences/{name}", {}),
    "ledger": ("GET", "/v1/ledger", {}),
    "queries": ("GET", "/v1/queries", {}),
}
NAMED = {"name": "pens", "run": "r-1", "export": "0123456789abcdef"}
# Of these the query log says who was answered; of others only who was refused.
NOTED = {
    *("predictions", "audience", "preview", "top_attributes", "attributes", "why", "save_audience"),
    *("export_audience", "export_file", "remove_export", "remove_audience"),
}


def keep_export(folder: Path) -> None:
    """Keep an export that is done, under the id of NAMED."""
    files = ExportFiles(folder)
    done = Export.asked("pens", "r-1", "csv", by="eva").model_copy(update={"id": NAMED["export"]})
    files.keep(done.done(1, 1))
    files.path(done).write_text("user\n")


def test_every_route_is_in_the_table(api: Api) -> None:
    """And in this test; there is no other route, no page of documentation, no socket."""
    document = make_app(api.desk).openapi()
    assert set(ROUTES) == set(CALLS)
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described | {("GET", "/openapi.json")} == {call[:2] for call in CALLS.values()}
    for path in ("/v1/docs", "/openapi.json/docs"):
        api.fails(404, "GET", path)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_its_routes_alone(api: Api, role: Role) -> None:
    """Refused ones say why; the query log has them, and what analysts were told."""
    keep_export(api.home.exports)
    for name, (method, path, options) in CALLS.items():
        response = api.send(method, path.format(**NAMED), token=api.tokens[role], **options)
        assert response.status_code == (200 if role in ROUTES[name] else 403), (name, response.text)
        if role not in ROUTES[name]:
            assert response.json()["kind"] == "PolicyError"
    asked = NOTED if role is Role.ANALYST else set()
    closed = {name for name in CALLS if role not in ROUTES[name]}
    noted = {each["question"].replace(" ", "_"): each["refused"] for each in api.queries()}
    assert noted == dict.fromkeys(asked) | dict.fromkeys(closed, "PolicyError")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_told_its_routes(api: Api, role: Role) -> None:
    """All that open to it, each with a line; and where the rest is described."""
    found = api.get("/v1", role)
    assert (found["role"], found["described_in"]) == (role.value, "/openapi.json")
    listed = {(each["method"], each["path"]) for each in found["routes"]}
    expected = {call[:2] for name, call in CALLS.items() if role in ROUTES[name] and name != "openapi"}
    assert listed == expected
    assert all(each["about"] for each in found["routes"])


def test_a_route_that_the_table_lacks_is_closed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgets it opens nothing."""
    monkeypatch.setattr("feddmf_party.api.roles.ROUTES", {})
    api.fails(403, "GET", "/v1/runs")


def test_everything_is_described(api: Api) -> None:
    """Each route with a summary and what it answers; each field of a question; how a token is shown."""
    document = api.get("/openapi.json")
    for methods in document["paths"].values():
        for route in methods.values():
            assert route["description"]
            assert {"200", "4XX", "5XX"} <= set(route["responses"])
            assert route["security"] == [{"HTTPBearer": []}]
            assert all(each.get("description") for each in route.get("parameters", ()))
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Question"):
            assert all(field.get("description") for field in schema["properties"].values()), name
