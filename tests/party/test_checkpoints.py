"""What a party keeps of a run on the way: replies at once, states now and then, nothing of an ended one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import InputError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf_party.checkpoints import Checkpoints, Resumption, unfinished_runs


def reply(value: float, *, done: bool = False) -> Reply:
    """Return a reply of two arrays, whose order is not that of the alphabet."""
    return Reply(Payload({"b": np.full((2, 2), value, np.float32), "a": np.ones((1, 1))}), done)


def begun(tmp_path: Path, every_s: float = 0.0) -> Checkpoints:
    """Return the checkpoints of a run that has begun under conditions "same"."""
    kept = Checkpoints(tmp_path / "run-1", every_s=every_s)
    kept.begin("same")
    return kept


def test_a_run_without_a_state_begins_anew(tmp_path: Path) -> None:
    """Its replies are there to be worked through again, in the order of their arrays."""
    kept = begun(tmp_path)
    kept.keep_reply(0, reply(1.0))
    assert kept.resumption() == Resumption()
    (found, missing) = kept.reply(0), kept.reply(1)
    assert missing is None
    assert found is not None
    assert list(found.payload) == ["b", "a"]
    assert found.payload["b"].tolist() == [[1, 1], [1, 1]]
    assert not found.done


def test_the_last_state_is_gone_on_from_and_what_is_older_is_removed(tmp_path: Path) -> None:
    """The first exchange that is not in the state comes next, with the reply before it."""
    kept = begun(tmp_path)
    for position in range(3):
        kept.keep_reply(position, reply(position))
        kept.keep_state(position + 1, {"x": np.array([position])})
    kept.keep_reply(3, reply(3.0, done=True))
    resumed = kept.resumption()
    assert resumed.position == 3
    assert resumed.state is not None
    assert resumed.state["x"].tolist() == [2]
    assert resumed.reply is not None
    assert resumed.reply.payload["b"][0, 0] == 2
    last = kept.reply(3)
    assert last is not None
    assert last.done
    assert sorted(path.name for path in (tmp_path / "run-1" / "checkpoint").iterdir()) == [
        "reply-000002.checked",
        "reply-000003.checked",
        "run.json",
        "state-000003.checked",
    ]


def test_a_reply_that_leaves_rounds_out_says_so_again(tmp_path: Path) -> None:
    """Also where the state after it is all that is left beside it."""
    kept = begun(tmp_path)
    kept.keep_reply(2, Reply(reply(1.0).payload, next_round=("items", 7)))
    kept.keep_state(3, {"x": np.array([1])})
    kept.keep_reply(7, reply(2.0))
    resumed = kept.resumption()
    assert resumed.reply is not None
    assert (resumed.position, resumed.reply.next_round) == (3, ("items", 7))
    assert (last := kept.reply(7)) is not None
    assert last.next_round is None
    kept.keep_state(8, {"x": np.array([2])})
    assert (kept.has_reply(2), kept.has_reply(7)) == (False, True)


def test_a_state_may_come_before_the_first_reply(tmp_path: Path) -> None:
    """What is drawn once is there though nothing was answered; the replies that came are worked through."""
    kept = begun(tmp_path)
    kept.keep_state(0, {"x": np.array([7])})
    kept.keep_reply(0, reply(1.0))
    resumed = kept.resumption()
    assert (resumed.position, resumed.reply) == (0, None)
    assert resumed.state is not None
    assert resumed.state["x"].tolist() == [7]
    assert kept.reply(0) is not None


def test_a_state_without_the_reply_before_it_is_said(tmp_path: Path) -> None:
    """It names the file that is missing."""
    kept = begun(tmp_path)
    kept.keep_state(3, {"x": np.ones(1)})
    with pytest.raises(InputError, match=r"reply-000002\.checked is missing"):
        kept.resumption()


def test_what_a_cut_removal_left_is_removed(tmp_path: Path) -> None:
    """Private states do not outlive their run."""
    kept = begun(tmp_path)
    kept.keep_state(0, {"x": np.ones(1)})
    (tmp_path / "run-1" / "checkpoint" / "run.json").unlink()
    assert unfinished_runs(tmp_path) == []
    assert not (tmp_path / "run-1" / "checkpoint").exists()


def test_states_are_due_after_their_time(tmp_path: Path) -> None:
    """Counted from the last one that was kept."""
    now = [0.0]
    kept = Checkpoints(tmp_path / "run-1", every_s=10, clock=lambda: now[0])
    kept.begin("same")
    assert not kept.is_due
    now[0] = 10.0
    assert kept.is_due
    kept.keep_state(0, {})
    assert not kept.is_due


def test_other_conditions_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another table, or another version of the software; the same ones pass."""
    kept = begun(tmp_path)
    kept.check("same")
    with pytest.raises(RunFailed, match="is not what it was"):
        kept.check("other")
    head = tmp_path / "run-1" / "checkpoint" / "run.json"
    monkeypatch.setattr("feddmf_party.checkpoints.version", lambda _: "99.0.0")
    with pytest.raises(RunFailed, match=r"begun by feddmf .*, and this is 99\.0\.0"):
        kept.check("same")
    head.write_text(head.read_text().replace("same", "tame"))
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        kept.check("tame")


@pytest.mark.parametrize("content", ["", "[]", '{"conditions": 1}'])
def test_a_torn_head_is_said(tmp_path: Path, content: str) -> None:
    """With the file's name."""
    kept = begun(tmp_path)
    (tmp_path / "run-1" / "checkpoint" / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        kept.check("same")


def test_a_torn_state_is_said(tmp_path: Path) -> None:
    """Its name, and what to do."""
    kept = begun(tmp_path)
    kept.keep_state(0, {"x": np.ones(9)})
    state = tmp_path / "run-1" / "checkpoint" / "state-000000.checked"
    state.write_bytes(state.read_bytes()[:20])
    with pytest.raises(InputError, match=r"state-000000\.checked is damaged"):
        kept.resumption()


@pytest.mark.parametrize("at", [0, 33, 45, -1])
def test_a_changed_reply_is_said(tmp_path: Path, at: int) -> None:
    """Wherever the bit lies, in the digest, the head, its length or an array; and where bytes are gone."""
    kept = begun(tmp_path)
    kept.keep_reply(0, reply(1.0))
    file = tmp_path / "run-1" / "checkpoint" / "reply-000000.checked"
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[at] ^= 1
    for content in (bytes(changed), whole[:-1], whole + b"0", whole[:20]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"reply-000000\.checked is damaged"):
            kept.reply(0)


def test_runs_are_found_until_they_are_forgotten(tmp_path: Path) -> None:
    """A run is under way from its beginning on."""
    kept = begun(tmp_path)
    assert unfinished_runs(tmp_path) == ["run-1"]
    assert kept.exists
    kept.remove()
    assert unfinished_runs(tmp_path) == []
    assert not kept.exists
