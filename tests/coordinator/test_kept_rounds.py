"""What is kept of a run at the coordinator: rounds at once, the state now and then, nothing at the end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import InputError, RunFailed
from feddmf.payload import Payload
from feddmf.round_keeping import Collected
from feddmf_coordinator.store.kept_rounds import KeptRounds, RoundsFolder

SENT = {party: Payload({"vectors": np.full((2, 2), len(party), np.float32)}) for party in ("acme", "bo")}


def _kept(folder: Path, *, rounds: int, state_at: int | None = None) -> KeptRounds:
    kept = KeptRounds(folder / "rounds" / "r-1", every_s=60)
    kept.begin()
    for position in range(rounds):
        if position == state_at:
            kept.keep_state(position, {"x": np.array([position])})
        kept.keep_round(Collected(position, "align", position, SENT), seconds=0.5)
    return kept


def test_rounds_come_back_in_order(tmp_path: Path) -> None:
    """With phase, number, seconds and every contribution; without a state from the first."""
    kept = _kept(tmp_path, rounds=3)
    assert kept.state() == (0, None)
    found = list(kept.rounds(0, least=2))
    assert [(each.collected.position, each.collected.number, each.seconds) for each in found] == [
        (0, 0, 0.5),
        (1, 1, 0.5),
        (2, 2, 0.5),
    ]
    for each in found:
        sent = {party: payload.sha256() for party, payload in each.collected.contributions.items()}
        assert sent == {party: payload.sha256() for party, payload in SENT.items()}


@pytest.mark.parametrize("state_at", [0, 1, 2])
def test_a_state_does_away_with_what_lies_before_it(tmp_path: Path, state_at: int) -> None:
    """The rounds from its own on stay: the last reply may be asked for again."""
    kept = _kept(tmp_path, rounds=3, state_at=state_at)
    position, state = kept.state()
    assert position == state_at
    assert state is not None
    assert state["x"].tolist() == [state_at]
    assert [each.collected.position for each in kept.rounds(position, least=3)] == list(range(state_at, 3))
    with pytest.raises(InputError, match=r"rounds/r-1/round-000003\.checked is missing"):
        list(kept.rounds(position, least=4))


def test_a_state_is_due_after_a_time_or_where_rounds_take_much_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not again at once."""
    now = [0.0]
    kept = KeptRounds(tmp_path / "rounds" / "r-1", every_s=60, clock=lambda: now[0])
    kept.begin()
    assert not kept.is_due
    now[0] = 60.0
    assert kept.is_due
    kept.keep_state(0, {})
    assert not kept.is_due
    monkeypatch.setattr("feddmf_coordinator.store.kept_rounds.MOST_BYTES", 31)
    kept.keep_round(Collected(0, "align", 0, SENT), seconds=0.0)
    assert kept.is_due


def test_another_version_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rounds may come to other numbers."""
    kept = _kept(tmp_path, rounds=1)
    monkeypatch.setattr("feddmf_coordinator.store.kept_rounds.version", lambda _: "99.0.0")
    with pytest.raises(RunFailed, match=r"begun by feddmf .* at the coordinator, and this is 99\.0\.0"):
        list(kept.rounds(0, least=0))


def test_runs_that_have_ended_are_forgotten(tmp_path: Path) -> None:
    """Those under way stay; before the first run there is no folder."""
    folder = RoundsFolder(tmp_path / "rounds")
    folder.keep_only(())
    for run in ("r-1", "r-2"):
        folder.of(run).begin()
    folder.keep_only(("r-2",))
    assert [path.name for path in folder.path.iterdir()] == ["r-2"]
    folder.of("r-2").check()
    with pytest.raises(RunFailed, match="cannot go on with the run: rounds/r-1 is missing"):
        folder.of("r-1").check()


def test_what_is_damaged_is_left_for_a_month(tmp_path: Path) -> None:
    """Beside the runs under way, in the way of nothing; a run of which nothing is there leaves nothing."""
    folder = RoundsFolder(tmp_path / "rounds")
    kept = _kept(tmp_path, rounds=1)
    aside = tmp_path / "rounds" / "r-1.damaged"
    for _ in range(2):
        kept.set_aside()
        folder.keep_only(())
        assert [path.name for path in aside.iterdir()] == ["round-000000.checked"]
        assert not kept.is_there
        kept = _kept(tmp_path, rounds=1)
    kept.remove()
    kept.set_aside()
    a_month_ago = time.time() - 31 * 86_400
    os.utime(aside, (a_month_ago, a_month_ago))
    folder.keep_only(())
    assert not aside.exists()
