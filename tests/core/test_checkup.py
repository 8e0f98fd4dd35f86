"""Check-ups: findings in order, and the exit code of what everything else rests on."""

from __future__ import annotations

from typing import NoReturn

from feddmf.checkup import Checkup, Standing
from feddmf.errors import ConnectError, InputError
from support.heard import Heard


def fail(error: Exception) -> NoReturn:
    """Raise."""
    raise error


def test_nothing_is_broken() -> None:
    """What is worth a look stops nothing."""
    heard = Heard()
    checkup = Checkup(heard)
    assert checkup.look("sum", lambda: 3, lambda found: f"it is {found}") == 3
    assert checkup.look("quiet", lambda: 4) == 4
    checkup.note("disk", "little is left", hint="free some")
    assert [(each.check, each.standing, each.text) for each in checkup.findings] == [
        ("sum", Standing.OK, "it is 3"),
        ("disk", Standing.NOTE, "little is left"),
    ]
    assert (checkup.problems, checkup.exit_code) == ([], 0)
    assert [each[0] for each in heard.told] == [0, 1, 2]


def test_the_first_problem_gives_the_exit_code() -> None:
    """Both are told with what to do; what rests on one is skipped."""
    checkup = Checkup()
    assert checkup.look("way", lambda: fail(ConnectError("nobody", hint="call")), str) is None
    checkup.problem("data", InputError("no column", hint="name it"))
    checkup.skip("greeting", until="nobody is reached")
    assert checkup.exit_code == 2
    assert [each.as_dict() for each in checkup.findings] == [
        {"check": "way", "standing": "problem", "text": "nobody", "hint": "call", "kind": "ConnectError"},
        {
            "check": "data",
            "standing": "problem",
            "text": "no column",
            "hint": "name it",
            "kind": "InputError",
        },
        {
            "check": "greeting",
            "standing": "skipped",
            "text": "not looked at: nobody is reached",
            "hint": "",
            "kind": None,
        },
    ]
