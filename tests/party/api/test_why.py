"""Why and what changed over the API: the same as on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from feddmf_party.tokens import Role
from support.cli import Cli

if TYPE_CHECKING:
    from conftest import Api


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


@pytest.mark.parametrize("run", ["r-1", "plain"])
def test_reasons_are_those_of_the_command_line(api: Api, cli: Cli, run: str) -> None:
    """Of a run with histories and of one without; the log says of one user, and not of whom."""
    question = {"user": "ann", "attribute": "pen", "run": run}
    found = api.post("/v1/why", question)
    command = ("query", "why", "--user", "ann", "--attribute", "pen", "--run", run, "--folder", api.home.path)
    assert found == cli.data(*command)
    assert found["why_not"]
    assert "ann" in cli.text(*command)
    (record,) = api.queries()
    assert (record["question"], record["attributes"], record["users"], record["rows"]) == (
        "why",
        ["pen"],
        1,
        1,
    )
    assert '"ann"' not in api.home.query_log.read_text()


def test_reasons_for_nobody_are_refused(api: Api) -> None:
    """As a prediction would be."""
    told = api.fails(422, "POST", "/v1/why", json={"user": "zoe", "attribute": "pen"})
    assert "user 'zoe'" in told["error"]
    api.fails(404, "POST", "/v1/why", json={"user": "ann", "attribute": "pan"})


def test_changes_are_those_of_the_command_line(api: Api, cli: Cli) -> None:
    """Since the run before, or since the one that is named; the first run has none before it."""
    folder = ("--folder", api.home.path)
    found = api.get("/v1/changes")
    assert found == cli.data("attributes", "changes", *folder)
    assert (found["before"], found["after"]) == ("plain", "r-1")
    assert [each["key"] for each in found["came"]] == ["gold=yes"]
    verdicts = {
        each["key"]: (each["before"]["verdict"], each["after"]["verdict"]) for each in found["changed"]
    }
    assert verdicts == {
        "pen": ("not measured", "use"),
        "cup": ("not measured", "use"),
        "ink/blue": ("not measured", "use with care"),
    }
    assert "1 attributes came, 0 went, 3 changed" in cli.text("attributes", "changes", *folder)
    same = api.get("/v1/changes", Role.ENGINEER, since="r-1")
    assert (same["came"], same["changed"], same["same"]) == ([], [], 4)
    back = cli.text("attributes", "changes", "--run", "plain", "--since", "r-1", *folder)
    assert "gold=yes" in back
    told = api.fails(404, "GET", "/v1/changes", params={"run": "plain"})
    assert "no run finished before plain" in told["error"]
