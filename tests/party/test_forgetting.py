"""Forgetting users: out of tables, models and checkpoints, and still answered for what has left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feddmf.config import load_toml
from feddmf.errors import ConfigError, DataError, InputError, LocalResourceError
from feddmf.locks import only_one
from feddmf_party import run_folder
from feddmf_party.audiences.exports import Export, ExportFiles
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.data.forgotten import load_forgotten
from feddmf_party.data.loader import load_interactions
from feddmf_party.folder import PartyFolder
from feddmf_party.forgetting import forget_users
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.prediction import Predictor
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from feddmf_party.settings import PartySettings
from support.finished import finished_run
from support.heard import Heard

USERS = {"ann": 1.0, "bob": -2.0, "cat": 2.0, "dan": 0.0}
PEERS = {"bolt": {"pen": 1.0, "cup": 0.0}}
SALES = "user,item\nann,i0\nbob,i0\nzoe,i1\n"


@pytest.fixture
def home(tmp_path: Path) -> PartyFolder:
    """Return a party's folder with a table, a kept one, a finished run, and one under way."""
    folder = PartyFolder(tmp_path)
    (tmp_path / "party.toml").write_text('[data]\npath = "sales.csv"\n')
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "tables").mkdir()
    for name in ("a.safetensors", "b.safetensors", ".c.safetensors.x.part"):
        (tmp_path / "tables" / name).write_bytes(b"ann")
    finished_run(folder.runs / "r-1", USERS, PEERS)
    finished_run(folder.runs / "r-2", {"cat": 1.0, "dan": 1.0}, PEERS)
    under_way = Checkpoints(folder.runs / "r-3", every_s=0)
    under_way.begin("same")
    under_way.keep_state(0, {"users": np.ones(3)})
    return folder


def scores(home: PartyFolder, run: str) -> dict[str, list[float]]:
    """Return the scores of all users of a run."""
    predictor = Predictor(RunFolder(home.runs / run))
    (block,) = predictor.predict(predictor.attributes())
    return dict(zip(block.users.tolist(), block.probabilities.tolist(), strict=True))


def test_a_user_is_erased_and_the_others_are_scored_as_before(home: PartyFolder) -> None:
    """From the model, the projections, the ids; kept tables and the state of a run under way are gone."""
    before = scores(home, "r-1")
    heard = Heard()
    erased = forget_users(home, ["bob", "ann", "bob"], heard)
    assert (heard.told[0], heard.told[-1]) == ((0, 1, "MB of sales.csv read"), (1, 1, "MB of sales.csv read"))
    assert (erased.users, erased.new, dict(erased.runs), erased.tables) == (2, 2, {"r-1": 2}, 2)
    assert (erased.given_up, erased.strange, erased.trained) == (("r-3",), (), {"r-1"})
    assert erased.still_in == {str(home.path / "sales.csv"): 2}
    assert scores(home, "r-1") == {user: before[user] for user in ("cat", "dan")}
    with pytest.raises(DataError, match="user 'ann' was not in"):
        _ask(home, "ann")
    assert sorted(path.name for path in home.runs.glob("*")) == ["r-1", "r-2"]
    assert list(home.tables.iterdir()) == []
    held = [path for path in home.path.rglob("*") if path.is_file() and path.name != "sales.csv"]
    assert not [path for path in held if b"bob" in path.read_bytes()]


def _ask(home: PartyFolder, user: str) -> None:
    predictor = Predictor(RunFolder(home.runs / "r-1"))
    list(predictor.predict(predictor.attributes(), [user]))


def test_again_changes_nothing(home: PartyFolder) -> None:
    """The ledger has one record, of how many, and of whom it says nothing."""
    forget_users(home, ["ann"])
    files = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    erased = forget_users(home, ["ann"])
    assert (erased.new, dict(erased.runs), erased.given_up, erased.trained) == (0, {}, (), {"r-1"})
    assert {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()} == files
    (record,) = LedgerFile(home.ledger).records()
    assert (record["event"], record["count"], record["runs"]) == ("forget", 1, ["r-1"])
    assert "ann" not in home.ledger.read_text()


@pytest.mark.parametrize("dies_at", ["model.safetensors", "projections.safetensors", "users.parquet"])
def test_who_dies_on_the_way_runs_it_again(
    home: PartyFolder, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """Whatever was written by then, the second time ends as one time would have."""
    before = scores(home, "r-1")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        name = {
            "model.safetensors": "save_arrays",
            "projections.safetensors": "save_projections",
        }.get(dies_at)
        if name is None:
            patched.setattr(RunFolder, "_write_table", dies)
        else:
            patched.setattr(run_folder, name, dies)
        with pytest.raises(KeyboardInterrupt):
            forget_users(home, ["cat"])
    assert load_forgotten(home.forgotten).knows("cat")
    erased = forget_users(home, ["cat"])
    assert dict(erased.runs) == {"r-1": 1, "r-2": 1}
    assert scores(home, "r-1") == {user: before[user] for user in ("ann", "bob", "dan")}
    assert list(scores(home, "r-2")) == ["dan"]


def test_a_run_without_a_user_is_said_to_be_one(home: PartyFolder) -> None:
    """Where all of them are forgotten, nothing can be asked of it."""
    forget_users(home, list(USERS))
    with pytest.raises(InputError, match="run r-1 has no user left to score") as caught:
        Questions(RunFolder(home.runs / "r-1"))
    assert caught.value.hint


def test_a_user_leaves_exports_of_audiences_too(home: PartyFolder) -> None:
    """Whose rows are taken out, and what a killed server left; saved audiences name nobody."""
    files = ExportFiles(home.exports)
    export = Export.asked("pens", "r-1", "csv", by="eva")
    files.keep(export.done(2, 9))
    files.path(export).write_text("user,score\nann,1\ncat,2\n")
    (home.exports / f".{export.id}.csv.x.part").write_text("ann")
    erased = forget_users(home, ["ann"])
    assert dict(erased.exports) == {"pens": 1}
    assert files.path(export).read_text() == "user,score\ncat,2\n"
    assert files.find(export.id).rows == 1
    assert not [path for path in home.exports.iterdir() if b"ann" in path.read_bytes()]
    assert dict(forget_users(home, ["ann"]).exports) == {}


def test_a_user_of_whom_nothing_is_there_is_named(home: PartyFolder) -> None:
    """It is listed all the same; one that only the table has is not strange."""
    erased = forget_users(home, ["nobody", "zoe"])
    assert (erased.strange, erased.new, erased.trained) == (("nobody",), 2, frozenset())


def test_a_user_who_has_left_the_source_is_in_no_state_of_a_run(home: PartyFolder) -> None:
    """A run under way may have learned from it before it left, so it is given up."""
    (home.path / "sales.csv").write_text(SALES.replace("zoe,i1\n", ""))
    erased = forget_users(home, ["zoe"])
    assert (erased.strange, erased.given_up) == (("zoe",), ("r-3",))
    assert not (home.runs / "r-3").exists()


def test_a_table_that_cannot_be_read_is_said(home: PartyFolder) -> None:
    """Nobody knows then whether it has the user still."""
    (home.path / "sales.csv").unlink()
    erased = forget_users(home, ["ann"])
    assert erased.still_in == {str(home.path / "sales.csv"): None}


def test_nobody_is_forgotten_beside_a_node_or_the_api(home: PartyFolder) -> None:
    """Either holds users in memory and would write them again."""
    for lock in (home.lock, home.api_lock):
        with only_one(lock, doing="working in"), pytest.raises(LocalResourceError, match="another process"):
            forget_users(home, ["ann"])
    assert not home.forgotten.exists()


def test_what_makes_no_sense_is_refused(home: PartyFolder, tmp_path: Path) -> None:
    """An empty id, a folder that is no party's, files that do not fit together."""
    with pytest.raises(InputError, match="an empty user id"):
        forget_users(home, ["ann", ""])
    with pytest.raises(ConfigError, match="is not a party's folder"):
        forget_users(PartyFolder(tmp_path / "nothing"), ["ann"])
    kept = RunFolder(home.runs / "r-1")
    kept.save_model(kept.load_model(), [*USERS, "eve"])
    with pytest.raises(InputError, match="has 5 users and 4 user vectors"):
        forget_users(home, ["ann", "bob", "cat"])


def test_the_next_run_trains_without_them(home: PartyFolder) -> None:
    """The source still has the user, and the loader leaves it out."""
    forget_users(home, ["bob"])
    settings = load_toml(home.settings_file, PartySettings).relative_to(home.path)
    table = load_interactions(settings.data, ["i0", "i1"], forgotten=load_forgotten(home.forgotten))
    assert table.user_ids == ("ann", "zoe")


def test_what_a_killed_backup_still_holds_is_erased_too(home: PartyFolder) -> None:
    """It holds models by second names, which a new file in their place does not touch."""
    left = home.path / ".backup-x1"
    left.mkdir()
    (left / "held.lock").touch()
    (left / "tmp1").write_bytes(b"ann")
    forget_users(home, ["ann"])
    assert not left.exists()
