"""The one release of a private run: killed anywhere and started again there is one charge and one digest."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError, PolicyError, RunFailed
from feddmf.interactions import Interactions
from feddmf.privacy.noise import SystemNoise
from feddmf.privacy.terms import Terms
from feddmf_party import private_release
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.private_release import PrivateRelease

KEYS = ("a", "b", "c")
TERMS = Terms(1.0, 1e-5, 3.7308)


class DiedError(Exception):
    """The end of a process."""


class Dying(LedgerFile):
    """A ledger whose owner ends before or after a record of one event is written."""

    def __init__(self, path: Path, event: str, *, written: bool, end: Callable[[], None]) -> None:
        super().__init__(path)
        self._event, self._written, self._end = event, written, end

    def append(self, content: Mapping[str, Any], *before: Mapping[str, Any]) -> int:
        """Add a record, or do not, and end."""
        if content["event"] == self._event and not self._written:
            self._end()
        number = super().append(content, *before)
        if content["event"] == self._event:
            self._end()
        return number


class DyingNoise:
    """Noise during whose second draw its owner ends."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end, self._draws = end, 0

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:
        """Return the first draw, and end at the next."""
        self._draws += 1
        if self._draws > 1:
            self._end()
        return SystemNoise().gaussian(shape, sigma)


def table() -> Interactions:
    """Return three users of three items."""
    return Interactions.from_pairs(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), shape=(3, 3))


def release(folder: Path, **fields: Any) -> PrivateRelease:
    """Return what gives the release of run small-1 in a party's folder."""
    base: dict[str, Any] = {
        "run": "small-1",
        "terms": TERMS,
        "keys": KEYS,
        "users": 3,
        "listed": table,
        "policy": PrivacyPolicy(),
        "folder": folder / "privacy",
        "ledger": LedgerFile(folder / "ledger.jsonl"),
    }
    return PrivateRelease(**{**base, **fields})


def records(folder: Path) -> list[dict[str, Any]]:
    """Return what is in the ledger."""
    return list(LedgerFile(folder / "ledger.jsonl").records())


def dying(folder: Path, point: str, end: Callable[[], None]) -> PrivateRelease:
    """Return a release whose owner ends at a point, by `end`."""
    if point == "in the draw":
        return release(folder, noise=DyingNoise(end))
    when, _, event = point.partition(" ")
    if event in {"charge", "private_release"}:
        path = folder / "ledger.jsonl"
        return release(folder, ledger=Dying(path, event, written=when == "after", end=end))
    write = private_release.write_bytes

    def ending(path: Path, content: bytes, *, mode: int) -> None:
        if when == "after":
            write(path, content, mode=mode)
        end()

    private_release.write_bytes = ending  # type: ignore[assignment]
    return release(folder)


POINTS = (
    *("before charge", "after charge", "in the draw"),
    *("before file", "after file", "before private_release", "after private_release"),
)


def check_gone_on_with(folder: Path) -> None:
    """Check that a process which comes after has one charge and one digest, however often it asks."""
    first, again = release(folder)(), release(folder)()
    assert first.gram.tobytes() == again.gram.tobytes()
    assert [record["event"] for record in records(folder)] == ["charge", "private_release"]
    charge, drawn = records(folder)
    assert (charge["epsilon"], charge["delta"], charge["sigma"]) == (1.0, 1e-5, 3.7308)
    assert drawn["charge"] == charge["number"]
    content = (folder / "privacy" / "small-1.safetensors").read_bytes()
    assert drawn["sha256"] == hashlib.sha256(content).hexdigest()
    assert [path.name for path in (folder / "privacy").iterdir() if path.suffix != ".part"] == [
        "small-1.safetensors"
    ]


@pytest.mark.parametrize("point", POINTS)
def test_an_error_at_any_point_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Whatever was done before it is not done twice."""
    monkeypatch.setattr(private_release, "write_bytes", private_release.write_bytes)

    def end() -> None:
        raise DiedError

    with pytest.raises(DiedError):
        dying(tmp_path, point, end)()
    monkeypatch.undo()
    before = [record["event"] for record in records(tmp_path)]
    assert before == (
        []
        if point == "before charge"
        else ["charge", "private_release"]
        if point == "after private_release"
        else ["charge"]
    )
    check_gone_on_with(tmp_path)


@pytest.mark.parametrize("point", ["after charge", "in the draw", "after file", "after private_release"])
def test_a_process_that_is_killed_is_gone_on_from(tmp_path: Path, point: str) -> None:
    """By SIGKILL, which no handler sees."""
    code = (
        "import os, signal, sys; from pathlib import Path; from party.test_private_release import dying; "
        "dying(Path(sys.argv[1]), sys.argv[2], lambda: os.kill(os.getpid(), signal.SIGKILL))()"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), point],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert [record["event"] for record in records(tmp_path)].count("charge") == 1
    check_gone_on_with(tmp_path)


def test_a_release_that_has_gone_gives_no_budget_back(tmp_path: Path) -> None:
    """The run is over; another run is charged beside it."""
    release(tmp_path)()
    (tmp_path / "privacy" / "small-1.safetensors").unlink()
    with pytest.raises(
        RunFailed, match="is not the private release that the ledger holds of run small-1"
    ) as caught:
        release(tmp_path)()
    assert "what is spent stays spent" in caught.value.hint
    release(tmp_path, run="small-2")()
    assert [record["run"] for record in records(tmp_path) if record["event"] == "charge"] == [
        "small-1",
        "small-2",
    ]


def test_a_release_that_was_changed_is_not_used(tmp_path: Path) -> None:
    """Nor one of another run in its place."""
    release(tmp_path)()
    release(tmp_path, run="small-2")()
    (tmp_path / "privacy" / "small-2.safetensors").replace(tmp_path / "privacy" / "small-1.safetensors")
    with pytest.raises(RunFailed, match="is not the private release"):
        release(tmp_path)()


def test_another_list_of_items_is_not_what_was_charged(tmp_path: Path) -> None:
    """Its release would be taken for other items'."""
    release(tmp_path)()
    with pytest.raises(RunFailed, match="run small-1 was charged for another list of items"):
        release(tmp_path, keys=("a", "b", "d"))()


def test_over_budget_nothing_is_charged_and_nothing_drawn(tmp_path: Path) -> None:
    """Three runs of epsilon 1 are 1.84 together; a fourth needs 2.15."""
    policy = PrivacyPolicy(lifetime_epsilon=2.0)
    for run in ("one", "two", "three"):
        release(tmp_path, run=run, policy=policy)()
    fourth = release(tmp_path, run="four", policy=policy)
    for ask in (fourth.check, fourth):
        with pytest.raises(
            PolicyError, match=r"run four would bring the epsilon spent from 1\.8\d to 2\.1\d"
        ) as caught:
            ask()
        assert "[privacy] lifetime_epsilon = 2.1" in caught.value.hint
    assert len(records(tmp_path)) == 6
    assert not (tmp_path / "privacy" / "four.safetensors").exists()
    # A run that is charged already goes on.
    release(tmp_path, run="three", policy=policy).check()
    release(tmp_path, run="three", policy=policy)()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"terms": Terms(1.0, 1e-5, 2.0**-7)}, "a noise multiplier of 0.0078125 is outside"),
        ({"terms": Terms(1.0, 1e-5, 257.0)}, "a noise multiplier of 257.0 is outside"),
        ({"users": (1 << 26) + 1}, "67108865 users are more than the 67108864"),
    ],
    ids=["little noise", "much noise", "many users"],
)
def test_what_the_mechanism_would_refuse_is_not_charged(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    """No budget is spent on a release that there will never be."""
    asked = release(tmp_path, **fields)
    for ask in (asked.check, asked):
        with pytest.raises(InputError, match=message):
            ask()
    assert records(tmp_path) == []


def test_a_person_who_answers_for_few_users_is_in_the_ledger(tmp_path: Path) -> None:
    """By name, in the charge; else the charge names nobody."""
    release(tmp_path, override_by="Ann Example")()
    release(tmp_path, run="small-2")()
    charges = [record for record in records(tmp_path) if record["event"] == "charge"]
    assert [charge.get("override_by") for charge in charges] == ["Ann Example", None]


def test_a_run_that_was_joined_before_a_restore_is_neither_charged_nor_drawn(tmp_path: Path) -> None:
    """Both may be what is lost; a release that is in the ledger is given again, byte for byte."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    ledger.append({"event": "join", "run": "small-1"})
    ledger.append({"event": "restored", "backup_made_at": ""})
    for ask in (release(tmp_path), release(tmp_path).check, release(tmp_path).objections):
        with pytest.raises(RunFailed, match="joined before this party was restored"):
            ask()
    assert [record["event"] for record in records(tmp_path)] == ["join", "restored"]
    first = release(tmp_path, run="small-2")()
    ledger.append({"event": "restored", "backup_made_at": ""})
    assert release(tmp_path, run="small-2")().gram.tobytes() == first.gram.tobytes()
