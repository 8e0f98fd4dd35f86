"""Saved audiences and their files over the API: the same as on the command line, written down, bounded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from feddmf_party.tokens import Role
from support.cli import Cli

if TYPE_CHECKING:
    from conftest import Api

SOON_S = 20.0
PENS: dict[str, Any] = {"name": "pens", "attribute": "pen", "size": 3}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


def exported(api: Api, name: str, **options: str) -> dict[str, Any]:
    """Export an audience; return what is said of it once it is over."""
    export = api.post(f"/v1/audiences/{name}/exports", options)
    until = time.monotonic() + SOON_S
    while export["state"] in {"waiting", "running"}:
        assert time.monotonic() < until
        time.sleep(0.01)
        export = api.get(f"/v1/exports/{export['id']}")
    return export


def fetched(api: Api, export: str) -> bytes:
    """Fetch the file of an export."""
    response = api.send("GET", f"/v1/exports/{export}/file", token=api.tokens[Role.ANALYST])
    assert response.status_code == 200, response.text
    return response.content


def test_an_audience_saved_here_is_that_of_the_command_line(api: Api, cli: Cli) -> None:
    """Listed, shown, exported, removed by either side."""
    saved = api.post("/v1/audiences", PENS)
    assert (saved["users"], saved["run"], saved["created_by"], saved["described"]) == (
        3,
        "r-1",
        "analyst",
        "pen",
    )
    assert saved["expected"] == api.post("/v1/audience", {"attribute": "pen", "size": 3})["expected"]
    folder = ("--folder", api.home.path)
    assert cli.data("audiences", "list", *folder) == api.get("/v1/audiences")
    several = ["--attribute", "pen", "--any", "gold=yes", "--not", "cup", "--above", "0.1"]
    there = cli.data("audiences", "save", "several", *several, *folder)
    here = api.get("/v1/audiences/several")
    assert there == here
    assert here["criteria"] == {"all": ["pen"], "any": ["gold=yes"], "none": ["cup"]}
    criteria = {"all": ["pen"], "any": ["gold=yes"], "none": ["cup"]}
    again = api.post("/v1/audiences", {"name": "again", "criteria": criteria, "above": 0.1})
    assert (again["users"], again["expected"]) == (here["users"], here["expected"])
    cli.data("audiences", "remove", "pens", *folder)
    told = api.fails(404, "GET", "/v1/audiences/pens")
    assert "no audience is saved as 'pens'" in told["error"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_exported_file_is_that_of_the_command_line(api: Api, cli: Cli, form: str) -> None:
    """Byte by byte; it is fetched as often as anybody wants, until it is removed."""
    api.post("/v1/audiences", PENS)
    export = exported(api, "pens", format=form)
    assert (export["state"], export["rows"], export["error"], export["progress"]) == ("done", 3, "", None)
    content = fetched(api, export["id"])
    assert content == fetched(api, export["id"])
    assert len(content) == export["size"]
    out = api.home.path.parent / f"out.{form}"
    said = cli.data("audiences", "export", "pens", "--out", out, "--folder", api.home.path)
    assert (said["rows"], out.read_bytes()) == (3, content)
    shown = cli.data("audiences", "show", "pens", "--folder", api.home.path)
    assert [each["id"] for each in shown["exports"]] == [export["id"]]
    answer = api.send("DELETE", f"/v1/exports/{export['id']}", token=api.tokens[Role.ANALYST])
    assert answer.json()["state"] == "done"
    assert api.get("/v1/exports") == {"exports": []}
    assert api.fails(404, "GET", f"/v1/exports/{export['id']}/file")["hint"]


def test_a_file_that_is_gone_is_said_to_be(api: Api) -> None:
    """Whoever took it away: what is known of the export is still there."""
    api.post("/v1/audiences", PENS)
    export = exported(api, "pens")
    (api.home.exports / f"{export['id']}.csv").unlink()
    told = api.fails(404, "GET", f"/v1/exports/{export['id']}/file")
    assert told["error"] == "the file of this export is gone"


def test_the_rows_are_those_of_the_same_audience(api: Api) -> None:
    """Asked for without saving it."""
    api.post("/v1/audiences", PENS)
    export = exported(api, "pens")
    question = {"attribute": "pen", "size": 3, "format": "csv"}
    assert fetched(api, export["id"]) == api.file("/v1/audience", question)


def test_with_an_audience_its_files_go(api: Api) -> None:
    """And it can be saved anew."""
    api.post("/v1/audiences", PENS)
    exported(api, "pens")
    api.send("DELETE", "/v1/audiences/pens", token=api.tokens[Role.ANALYST])
    assert api.get("/v1/exports") == {"exports": []}
    assert list(api.home.exports.iterdir()) == []
    api.post("/v1/audiences", PENS)


def test_the_policy_bounds_exports(api: Api) -> None:
    """Its rows, as it stands when the export is asked for."""
    api.post("/v1/audiences", PENS)
    api.home.policy_file.write_text("[queries]\nmax_rows = 2\n")
    told = api.fails(403, "POST", "/v1/audiences/pens/exports", json={})
    assert "3 rows are more than the 2" in told["error"]
    assert api.get("/v1/exports") == {"exports": []}


def test_a_run_that_is_gone_fails_the_export(api: Api) -> None:
    """The caller is told why; the audience is still there."""
    api.post("/v1/audiences", PENS)
    (api.home.runs / "r-1").rename(api.home.runs / "r-0")
    failed = exported(api, "pens")
    assert (failed["state"], "no finished run 'r-1'" in failed["error"]) == ("failed", True)
    assert failed["hint"]
    told = api.fails(400, "GET", f"/v1/exports/{failed['id']}/file")
    assert "this export is failed" in told["error"]


def test_what_is_done_with_audiences_is_written_down(api: Api) -> None:
    """Who saved, exported, fetched and removed what; how many rows; nothing of a user."""
    api.post("/v1/audiences", PENS)
    export = exported(api, "pens")
    fetched(api, export["id"])
    for path in (f"/v1/exports/{export['id']}", "/v1/audiences/pens"):
        api.send("DELETE", path, token=api.tokens[Role.ANALYST])
    api.fails(404, "POST", "/v1/audiences/pens/exports", json={})
    told = [(each["question"], each["attributes"], each["rows"], each["refused"]) for each in api.queries()]
    assert told == [
        ("save audience", ["pen"], 0, None),
        ("export audience", ["pen"], 3, None),
        ("export file", [], 3, None),
        ("remove export", [], 0, None),
        ("remove audience", ["pen"], 0, None),
        ("export audience", [], 0, "InputError"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"name": "Pens", "attribute": "pen"}, "cannot be the name of an audience"),
        (404, {"name": "a", "attribute": "pan"}, "no peer published"),
        (404, {"name": "a", "attribute": "pen", "run": "r-9"}, "no finished run"),
        (422, {"name": "a", "attribute": "pen", "size": 1, "above": 0.5}, "each cut the ranking"),
        (422, {"name": "a"}, "body"),
        (422, {"attribute": "pen"}, "body.name"),
    ],
)
def test_mistakes_are_named(api: Api, status: int, body: dict[str, Any], error: str) -> None:
    """With what is wrong and what to do."""
    assert error in api.fails(status, "POST", "/v1/audiences", json=body)["error"]
    assert api.get("/v1/audiences") == {"audiences": [], "damaged": []}


def test_names_and_ids_are_no_paths(api: Api) -> None:
    """Whatever stands in an address."""
    for path in ("/v1/audiences/..%2Ftokens", "/v1/audiences/a.json", "/v1/exports/..%2f..%2ftokens"):
        api.fails(404, "GET", path)
