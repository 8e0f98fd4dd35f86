"""What long-running commands write on stderr: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

CODE = """
import logging, warnings
from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import say, print_error, OutputFormat
from feddmf.errors import InputError
from feddmf.telemetry.about import note
from feddmf.telemetry.settings import LoggingSettings

log_to_stderr(LoggingSettings(format=%r))
log = logging.getLogger("feddmf_party.node")
say("joins run small-1: é")
note(party="acme", run="small-1", round=3)
log.info("two\\nlines of %%s", "text")
log.debug("unheard")
logging.getLogger("elsewhere").info("unheard")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it broke")
print_error(InputError("wrong", hint="mend it"), OutputFormat.TEXT)
"""


def logged(form: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Return what a process of its own writes under a `format`."""
    return subprocess.run(
        [sys.executable, "-c", CODE % form],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "TZ": "Asia/Tokyo"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("form", "environment"), [("json", {}), ("text", {"FEDDMF_LOG": "json"})])
def test_json_is_one_object_a_line_with_what_it_is_about(form: str, environment: dict[str, str]) -> None:
    """Also what is said to a person and what went wrong; the environment wins over the settings file."""
    records: list[dict[str, Any]] = [
        json.loads(line) for line in logged(form, **environment).stderr.splitlines()
    ]
    said, told, broke, error = records
    assert said["message"] == "joins run small-1: é"
    assert "run" not in said
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "info",
        "logger": "feddmf_party.node",
        "message": "two\nlines of text",
        "run": "small-1",
        "round": 3,
        "party": "acme",
    }
    assert (broke["level"], broke["message"]) == ("error", "it broke")
    assert "ZeroDivisionError" in broke["exception"]
    assert error["message"] == "error: wrong\n  to do: mend it"


def test_text_is_for_people() -> None:
    """One line a record with its time in UTC; what is said to a person has none."""
    lines = logged("json", FEDDMF_LOG="text").stderr.splitlines()
    assert lines[0] == "joins run small-1: é"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO feddmf_party\.node: two", lines[1])
    assert lines[-2:] == ["error: wrong", "  to do: mend it"]


def test_a_format_that_nobody_knows_is_named() -> None:
    """Where it was asked for."""
    done = logged("text", FEDDMF_LOG="yaml")
    assert done.returncode == 1
    assert "FEDDMF_LOG is 'yaml'" in done.stderr
