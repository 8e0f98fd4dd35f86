"""Kept scores: the bytes of live ones, of the run as it is, within bounds, whole or not at all."""

from __future__ import annotations

import shutil
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from feddmf.backup.moment import at_one_moment
from feddmf.errors import InputError
from feddmf_party import score_table
from feddmf_party.criteria import Criteria
from feddmf_party.folder import PartyFolder
from feddmf_party.forgetting import forget_users
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Column, Predictor
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from feddmf_party.score_filling import ScoreFiller
from feddmf_party.score_table import drop_scores
from feddmf_party.terms import Withdrawal, keep_until, keep_withdrawals
from feddmf_party.withdrawals import take_in
from support.finished import hidden_cells, history_run

USERS = {f"u{number:02}": float(number % 7) - 3 for number in range(40)}
PEERS: dict[str, dict[str, float | tuple[float, float, float]]] = {
    "bolt": {"pen": 1.0, "cup": -0.5, "gold=yes": (0.3, 0.8, 0.02)},
    "cargo": {"pen": 0.4, "ink": 0.25},
}
HIDDEN = {peer: hidden_cells(40, 40, skill=skill, seed=2) for peer, skill in (("bolt", 1.0), ("cargo", 0.8))}
KEYS = ("cup", "gold=yes", "ink", "pen")
ROW = 4 * len(USERS)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return the folder of a finished run; pen has two owners."""
    return history_run(tmp_path / "acme" / "runs" / "r-1", USERS, PEERS, HIDDEN)


def kept(run: RunFolder) -> list[Path]:
    """Return the files of kept scores."""
    return sorted(run.path.glob("scores/*/*"))


def writing(run: RunFolder, most: int = 1 << 20) -> Questions:
    """Return questions that keep scores."""
    return Questions(run, most_score_bytes=most)


def asked(questions: Questions, key: str) -> Column:
    """Return the scores of all users for an attribute."""
    return questions.column(questions.attribute(key))


@pytest.mark.parametrize("key", KEYS)
def test_kept_scores_are_live_ones_to_the_last_bit(run: RunFolder, key: str) -> None:
    """Of one owner and of two, with their disagreement; whoever only reads maps what is there."""
    live = asked(Questions(run), key)
    assert not kept(run)
    first, second = asked(writing(run), key), asked(Questions(run), key)
    assert not isinstance(first.scores, np.memmap)
    assert isinstance(second.scores, np.memmap)
    for found in (first, second):
        assert found.scores.tobytes() == live.scores.tobytes()
        if live.disagreement is None:
            assert found.disagreement is None
        else:
            assert found.disagreement is not None
            assert found.disagreement.tobytes() == live.disagreement.tobytes()
    assert (live.disagreement is not None) == (key == "pen")


def test_audiences_and_previews_are_the_same_from_kept_scores(run: RunFolder) -> None:
    """Of one attribute and of several."""
    for criteria in (Criteria.of("pen"), Criteria(all=("pen",), none=("cup",))):
        live, keeping = Questions(run), writing(run)
        for _ in range(2):
            wanted = [each.wanted(criteria, anyway=True) for each in (live, keeping)]
            before, after = live.preview(wanted[0], 7), keeping.preview(wanted[1], 7)
            assert str(before.as_dict()) == str(after.as_dict())
            mine, theirs = live.audience(wanted[0], 7).block, keeping.audience(wanted[1], 7).block
            assert mine.users.tolist() == theirs.users.tolist()
            assert mine.probabilities.tobytes() == theirs.probabilities.tobytes()


def test_files_are_their_owners_alone(run: RunFolder) -> None:
    """And no name in the folder tells of a key."""
    asked(writing(run), "gold=yes")
    (file,) = kept(run)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "gold" not in str(file.relative_to(run.path))
    assert file.stat().st_size == ROW


@pytest.mark.parametrize("damage", ["cut", "long", "part"])
def test_a_torn_column_is_computed_again(run: RunFolder, damage: str) -> None:
    """Cut short, too long, or left beside its name by a process that was killed."""
    live = asked(Questions(run), "cup").scores.tobytes()
    asked(writing(run), "cup")
    (file,) = kept(run)
    content = file.read_bytes()
    if damage == "part":
        file.rename(file.with_name(f".{file.name}.x.part"))
    else:
        file.write_bytes(content[:-1] if damage == "cut" else content + b"x")
    found = asked(writing(run), "cup").scores
    assert not isinstance(found, np.memmap)
    assert found.tobytes() == live
    assert file.read_bytes() == content


def test_what_was_withdrawn_is_gone_and_made_anew(run: RunFolder) -> None:
    """Also by questions from before, which compute what they were loaded with and keep nothing of it."""
    before = writing(run)
    asked(before, "pen")
    asked(before, "cup")
    take_in([run], [Withdrawal(1, "r-1", "cargo", ("pen",), "")])
    assert not kept(run)
    asked(before, "pen")
    assert not kept(run)
    after = writing(run)
    assert after.attribute("pen").owners == ("bolt",)
    found = asked(after, "pen")
    assert found.scores.tobytes() == asked(Questions(run), "pen").scores.tobytes()
    with pytest.raises(InputError, match="withdrawn by cargo"):
        after.attribute("pen", "cargo")


def test_who_died_before_the_scores_were_gone_does_it_again(run: RunFolder) -> None:
    """And those of the run as it is now stay, however often the withdrawal is heard of."""
    asked(writing(run), "cup")
    withdrawn = Withdrawal(1, "r-1", "cargo", ("pen",), "")
    keep_withdrawals(run.path, [withdrawn])
    assert take_in([run], [withdrawn]) == ()
    assert not kept(run)
    asked(writing(run), "cup")
    assert take_in([run], [withdrawn]) == ()
    assert len(kept(run)) == 1


def test_who_is_forgotten_leaves_no_score(run: RunFolder) -> None:
    """The columns of all users go with the user, and come again without."""
    home = PartyFolder(run.path.parent.parent)
    home.create()
    asked(writing(run), "cup")
    assert forget_users(home, ["u03"]).runs == {"r-1": 1}
    assert not kept(run)
    assert len(asked(writing(run), "cup").scores) == len(USERS) - 1


def test_another_state_of_a_run_is_another_table(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept again, by other software, or without an owner whose time is over; what was before is removed."""
    asked(writing(run), "cup")
    (first,) = kept(run)
    run.finish({"run": "r-1", "plan": {"settings": run.summary()["plan"]["settings"]}})
    again = writing(run)
    assert not kept(run)
    assert not isinstance(asked(again, "cup").scores, np.memmap)
    assert first not in kept(run)
    assert len(kept(run)) == 1
    first.parent.mkdir()
    first.write_bytes(b"")
    asked(Questions(run), "cup")
    assert len(kept(run)) == 2
    again.tidy_scores()
    assert len(kept(run)) == 1
    monkeypatch.setattr(score_table.metadata, "version", lambda _name: "0")
    assert not isinstance(asked(writing(run), "cup").scores, np.memmap)
    keep_until(run.path, {"cargo": int(datetime.now(UTC).timestamp() * 1000) - 1})
    assert not isinstance(asked(writing(run), "cup").scores, np.memmap)


def test_room_is_bounded(run: RunFolder) -> None:
    """Whoever asks has the longest kept make room, of other runs first; one that does not fit is not kept."""
    other = RunFolder(run.path.with_name("r-0"))
    shutil.copytree(run.path, other.path)
    asked(writing(other), "ink")
    questions = writing(run, 3 * ROW)
    asked(questions, "cup")
    asked(questions, "ink")
    assert (len(kept(run)), len(kept(other))) == (2, 1)
    asked(questions, "gold=yes")
    assert (len(kept(run)), len(kept(other))) == (3, 0)
    asked(questions, "pen")
    assert sum(path.stat().st_size for path in kept(run)) == 3 * ROW
    assert isinstance(asked(questions, "pen").scores, np.memmap)
    drop_scores(run)
    asked(writing(run, ROW), "pen")
    assert not kept(run)


@pytest.mark.parametrize("most", [0, 2 * ROW - 1])
def test_what_does_not_fit_puts_nothing_out(run: RunFolder, most: int) -> None:
    """Whoever only reads, and a column that is larger than the bound."""
    other = RunFolder(run.path.with_name("r-0"))
    shutil.copytree(run.path, other.path)
    asked(writing(other), "ink")
    asked(writing(run), "cup")
    before = kept(run), kept(other)
    asked(Questions(run, most_score_bytes=most), "pen")
    assert (kept(run), kept(other)) == before


def test_a_full_disk_puts_out_what_makes_room_alone(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not do is left where it is."""
    questions = writing(run, 2 * ROW)
    asked(questions, "cup")
    asked(questions, "ink")
    before = kept(run)
    monkeypatch.setattr(score_table, "free_bytes", lambda _path: score_table._SPARED_BYTES - 1)
    asked(questions, "gold=yes")
    assert kept(run) == before
    monkeypatch.setattr(score_table, "free_bytes", lambda _path: score_table._SPARED_BYTES)
    asked(questions, "gold=yes")
    assert len(kept(run)) == 2
    assert kept(run) != before


def test_a_disk_without_room_keeps_nothing(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for is answered all the same."""
    monkeypatch.setattr(score_table, "free_bytes", lambda _path: score_table._SPARED_BYTES + ROW - 1)
    assert len(asked(writing(run), "cup").scores) == len(USERS)
    assert not kept(run)
    monkeypatch.undo()
    (run.path / "scores").write_text("in the way")
    assert len(asked(writing(run), "cup").scores) == len(USERS)


def test_a_backup_is_without_scores(run: RunFolder) -> None:
    """They are computed again."""
    asked(writing(run), "cup")
    with at_one_moment(run.path.parent.parent) as moment:
        moment.hold("runs")
        assert "runs/r-1/run.json" in moment.files
        assert not any("scores" in name for name in moment.files)


def test_the_filler_computes_what_is_missing(run: RunFolder) -> None:
    """Each attribute once, with the bytes of a live question."""
    questions = writing(run)
    asked(questions, "cup")
    filler = ScoreFiller(lambda: questions, lambda: False)
    assert filler.fill() == len(KEYS) - 1
    assert filler.fill() == 0
    assert len(kept(run)) == len(KEYS) + 1
    for key in KEYS:
        found = asked(Questions(run), key).scores
        assert isinstance(found, np.memmap)
        live = questions.predictor.column(questions.attribute(key)).scores
        assert found.tobytes() == live.tobytes()


def test_the_filler_stops_where_there_is_no_room_or_no_run(run: RunFolder) -> None:
    """It puts nothing that is kept out, and takes up nothing once it has been told to end."""
    questions = writing(run, 3 * ROW)
    asked(questions, "ink")
    filler = ScoreFiller(lambda: questions, lambda: False)
    assert filler.fill() == 1
    assert isinstance(asked(questions, "ink").scores, np.memmap)
    latest = iter([questions, writing(run)])
    assert ScoreFiller(lambda: next(latest), lambda: False).fill() == 0
    other = ScoreFiller(lambda: writing(run), lambda: True)
    other.stop()
    assert other.fill() == 0


@pytest.mark.parametrize("hindered", ["no room", "a disk that refuses"])
def test_the_filler_computes_nothing_in_vain(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, hindered: str
) -> None:
    """However often it looks: not at all without room, and once where the disk refuses."""
    computed: list[str] = []
    column = Predictor.column

    def counted(predictor: Predictor, attribute: Attribute) -> Column:
        computed.append(attribute.key)
        return column(predictor, attribute)

    monkeypatch.setattr(Predictor, "column", counted)
    questions = writing(run, ROW if hindered == "no room" else 1 << 20)
    if hindered == "no room":
        asked(questions, "ink")
        computed.clear()
    else:
        (run.path / "scores").write_text("in the way")
    filler = ScoreFiller(lambda: questions, lambda: False)
    assert [filler.fill() for _ in range(3)] == [0, 0, 0]
    assert len(computed) == (0 if hindered == "no room" else 1)
    if hindered != "no room":
        (run.path / "scores").unlink()
        asked(questions, "ink")
        assert filler.fill() == len(KEYS) - 1


def test_the_filler_works_beside_questions(run: RunFolder) -> None:
    """As a thread, until it is stopped; whoever is busy is waited for."""
    questions, looks = writing(run), iter([True, True])
    filler = ScoreFiller(lambda: questions, lambda: next(looks, False))
    filler.start()
    while len(kept(run)) < len(KEYS) + 1:
        time.sleep(0.01)
    filler.stop(within_s=5)
    assert next(looks, None) is None
