"""Predictions at home: known scores, blocks that change nothing, and questions that cannot be answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import CatalogueError, DataError, InputError
from feddmf.payload import Payload
from feddmf_party import prediction
from feddmf_party.criteria import Criteria
from feddmf_party.folder import PartyFolder
from feddmf_party.newcomers import load_newcomers
from feddmf_party.offered import CrossValidated
from feddmf_party.prediction import Predictor, read_users
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from support.finished import finished_run, hidden_cells, history_run, logit_model

# Logits are |affinity + vector|: for pen (1) 2, 1, 3, 1; for cup (0) 1, 2, 2, 0.
USERS = {"ann": 1.0, "bob": -2.0, "cat": 2.0, "dan": 0.0}
PEERS = {"bolt": {"pen": 1.0, "cup": 0.0}, "cargo": {"pen": -3.0}}
HIDDEN = hidden_cells(60, 40, skill=1.0)

Peers = dict[str, dict[str, float | tuple[float, float, float]]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return the folder of a finished run."""
    return finished_run(tmp_path / "r-1", USERS, PEERS)


def sigmoid(*logits: float) -> list[float]:
    """Return the probabilities of logits."""
    return [1 / (1 + float(np.exp(-logit))) for logit in logits]


def test_everything_that_peers_published_can_be_asked_for(folder: RunFolder) -> None:
    """Attributes are listed by peer, in the order of the publication, with their labels."""
    found = Predictor(folder).attributes()
    assert [(each.owner, each.key, each.label) for each in found] == [
        ("bolt, cargo", "pen", "PEN"),
        ("bolt", "cup", "CUP"),
    ]


def test_all_users_are_scored_for_all_that_is_asked(folder: RunFolder) -> None:
    """One block has all users by all attributes; probabilities are those of the model."""
    predictor = Predictor(folder)
    (block,) = predictor.predict([predictor.attribute("pen", owner="bolt"), predictor.attribute("cup")])
    assert block.users.tolist() == list(USERS)
    assert block.probabilities[:, 0].tolist() == pytest.approx(sigmoid(2, 1, 3, 1))
    assert block.probabilities[:, 1].tolist() == pytest.approx(sigmoid(1, 2, 2, 0))


def test_chosen_users_come_in_the_order_asked(folder: RunFolder) -> None:
    """Named users are scored in their order, twice where they are named twice."""
    predictor = Predictor(folder)
    (block,) = predictor.predict([predictor.attribute("cup")], ["cat", "ann", "cat"])
    assert block.users.tolist() == ["cat", "ann", "cat"]
    assert block.probabilities[:, 0].tolist() == pytest.approx(sigmoid(2, 1, 2))


def test_blocks_hold_every_user_once(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the blocks are, together they are the whole."""
    predictor = Predictor(folder)
    chosen = list(predictor.attributes())
    (whole,) = predictor.predict(chosen)
    monkeypatch.setattr(prediction, "_BLOCK_CELLS", 5)
    blocks = list(predictor.predict(chosen))
    assert [len(block.users) for block in blocks] == [1, 1, 1, 1]
    assert np.concatenate([block.users for block in blocks]).tolist() == list(USERS)
    np.testing.assert_allclose(np.concatenate([block.probabilities for block in blocks]), whole.probabilities)


@pytest.mark.parametrize(("size", "users"), [(1, ["cat"]), (4, ["cat", "ann", "bob", "dan"]), (99, None)])
def test_an_audience_is_best_first(folder: RunFolder, size: int, users: list[str] | None) -> None:
    """The most likely users come first, ties by user id, and never more than there are."""
    questions = Questions(folder)
    block = questions.audience(questions.wanted(Criteria.of("pen"), "bolt"), size).block
    assert block.users.tolist() == (users or ["cat", "ann", "bob", "dan"])
    assert block.probabilities.shape == (len(block.users), 1)
    assert block.probabilities[0, 0] == pytest.approx(sigmoid(3)[0])


def test_ties_are_broken_by_user_id(tmp_path: Path) -> None:
    """Among many users with three scores the order is by score, then by id."""
    users = {f"u{number:03}": float(number % 3) for number in range(300)}
    questions = Questions(finished_run(tmp_path / "r-1", users, {"bolt": {"pen": 0.0}}))
    block = questions.audience(questions.wanted(Criteria.of("pen")), 300).block
    assert block.users.tolist() == sorted(users, key=lambda user: (-users[user], user))


def test_several_owners_make_one_answer_unless_one_is_named(folder: RunFolder) -> None:
    """Where nothing was measured they count alike; how far they are apart stands beside."""
    predictor = Predictor(folder)
    pen = predictor.attribute("pen")
    assert (pen.owners, pen.owner) == (("bolt", "cargo"), "bolt, cargo")
    (block,) = predictor.predict([pen, predictor.attribute("cup")], ["ann"])
    bolt, cargo = sigmoid(2, 2)
    assert block.probabilities[0, 0] == pytest.approx((bolt + cargo) / 2)
    assert block.disagreement[0].tolist() == pytest.approx([abs(bolt - cargo) / 2, 0])
    (bob,) = predictor.predict([pen], ["bob"])
    first, second = sigmoid(1, 5)
    assert bob.disagreement[0, 0] == pytest.approx((second - first) / 2)
    alone = predictor.attribute("pen", owner="cargo")
    assert [vector.tolist() for vector in alone.vectors] == [[-3]]


def test_an_owner_found_to_be_no_better_than_chance_does_not_count(tmp_path: Path) -> None:
    """Peers are weighed by what hidden items say of them."""
    hidden = {
        "bolt": hidden_cells(60, 40, skill=1.0),
        "cargo": hidden_cells(60, 40, skill=-0.5),
    }
    peers: Peers = {"bolt": {"pen": 1.0}, "cargo": {"pen": -3.0}}
    predictor = Predictor(history_run(tmp_path / "r-1", {"ann": 1.0}, peers, hidden))
    (block,) = predictor.predict([predictor.attribute("pen")])
    assert block.probabilities.tolist() == [pytest.approx(sigmoid(1))]
    assert block.disagreement.tolist() == [[0]]


def test_classes_of_one_column_agree(tmp_path: Path) -> None:
    """A user has one country: sums over 1 are scaled down, whether one class is asked for or all."""
    offered = {"country=FR": (2.0, 0.9, 0.01), "country=DE": (2.0, 0.8, 0.02), "vip=yes": (2.0, 0.7, 0.02)}
    folder = history_run(tmp_path / "r-1", {"ann": 1.0}, {"bolt": {**offered, "pen": 1.0}}, {"bolt": HIDDEN})
    predictor = Predictor(folder)
    chosen = [predictor.attribute(key) for key in ("vip=yes", "pen", "country=FR", "country=DE")]
    assert [each.kind for each in chosen] == ["user attribute", "item", "user attribute", "user attribute"]
    assert chosen[2].told == CrossValidated(pytest.approx(0.9), pytest.approx(0.01))
    (block,) = predictor.predict(chosen)
    assert block.probabilities[0].tolist() == pytest.approx([*sigmoid(2, 1), 0.5, 0.5])
    (alone,) = predictor.predict(chosen[2:3])
    assert alone.probabilities.tolist() == [[0.5]]


def test_blocks_have_room_for_all_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for one class is answered by way of all classes of the column."""
    offered = {f"country={name}": (0.0, 0.9, 0.01) for name in ("FR", "DE", "IT")}
    users = dict.fromkeys("abcde", 1.0)
    predictor = Predictor(
        history_run(tmp_path / "r-1", users, {"bolt": {**offered, "pen": 1.0}}, {"bolt": HIDDEN})
    )
    monkeypatch.setattr(prediction, "_BLOCK_CELLS", 8)
    chosen = [predictor.attribute("country=FR"), predictor.attribute("pen")]
    assert [len(block.users) for block in predictor.predict(chosen)] == [2, 2, 1]


def test_a_user_attribute_of_too_few_users_cannot_be_asked_for(tmp_path: Path) -> None:
    """It is not listed, and asked for by name the answer says whose users are too few."""
    peers: Peers = {"bolt": {"country=FR": (0.0, 0.0, 0.0), "pen": 1.0}}
    predictor = Predictor(history_run(tmp_path / "r-1", {"ann": 1.0}, peers, {"bolt": HIDDEN}))
    assert [each.key for each in predictor.attributes()] == ["pen"]
    with pytest.raises(InputError, match="bolt had too few users with and without attribute 'country=FR'"):
        predictor.attribute("country=FR")


def test_users_who_came_after_the_run_are_scored_by_their_items(tmp_path: Path) -> None:
    """By their own ids; another model has nothing for them."""
    (tmp_path / "new.csv").write_text("user,item\nzoe,local own-0\nzoe,local own-1\nabe,local own-1\n")
    folder = history_run(tmp_path / "r-1", {"ann": 1.0}, {"bolt": {"pen": 1.0}}, {"bolt": HIDDEN})
    table = load_newcomers(tmp_path / "new.csv", PartyFolder(tmp_path), folder)
    predictor = Predictor(folder, table)
    (block,) = predictor.predict(predictor.attributes())
    assert (predictor.users, block.users.tolist()) == (2, ["abe", "zoe"])
    logits = [float(np.tanh(1.5 * n / np.sqrt(n + 5))) for n in (1, 2)]
    assert block.probabilities[:, 0].tolist() == pytest.approx(sigmoid(*logits))
    other = finished_run(tmp_path / "r-2", USERS, PEERS)
    with pytest.raises(InputError, match="only a history tower scores users that it has not seen"):
        Predictor(other, table)


@pytest.mark.parametrize(
    ("key", "owner", "hint"),
    [
        ("penn", None, "did you mean 'pen'?"),
        ("zzz", None, "feddmf attributes list"),
        ("cup", "cargo", "feddmf attributes list"),
        ("pe", "cargo", "did you mean 'pen'?"),
    ],
)
def test_an_unknown_attribute_is_said(folder: RunFolder, key: str, owner: str | None, hint: str) -> None:
    """A key that nobody, or not the owner named, has published is named, with the nearest one."""
    message = f"{'cargo published no' if owner else 'no peer published an'} attribute '{key}' in run r-1"
    with pytest.raises(CatalogueError, match=message) as caught:
        Predictor(folder).attribute(key, owner=owner)
    assert hint in caught.value.hint


def test_an_unknown_user_is_said(folder: RunFolder) -> None:
    """A user who was not in the tables is named; nobody is scored in that user's place."""
    predictor = Predictor(folder)
    with pytest.raises(DataError, match="user 'eve' was not in this party's tables when run r-1"):
        list(predictor.predict([predictor.attribute("cup")], ["ann", "eve"]))


def test_no_attribute_is_no_question(folder: RunFolder) -> None:
    """Asking for nothing is an error, not an empty answer."""
    with pytest.raises(InputError, match="no attribute is named"):
        next(Predictor(folder).predict([]))


def test_vectors_of_another_dimension_are_refused(folder: RunFolder) -> None:
    """A peer's vectors that the model cannot take are named with both numbers."""
    wide = {"user_weight": np.ones((2, 1), np.float32), "item_weight": np.ones((2, 3), np.float32)}
    folder.save_model(logit_model(list(USERS.values())) | wide, list(USERS))
    with pytest.raises(InputError, match=r"bolt's vectors in .*r-1 have 1 numbers, the model takes 3"):
        Predictor(folder)


def test_users_of_another_run_are_refused(folder: RunFolder) -> None:
    """User ids that are not those of the model's rows are refused, not shifted."""
    folder.save_model(logit_model([1.0, 2.0]), list(USERS))
    with pytest.raises(InputError, match="has 4 users and 2 user vectors"):
        Predictor(folder)


def test_a_model_without_its_arrays_is_refused(folder: RunFolder) -> None:
    """A model file that lacks an array names it."""
    arrays = logit_model(list(USERS.values()))
    del arrays["out_bias"]
    folder.save_model(arrays, list(USERS))
    with pytest.raises(InputError, match=r"the model in .*r-1 has no array 'out_bias'"):
        Predictor(folder)


@pytest.mark.parametrize("text", ["ann\nbob\n", "user\nann\nbob", "\ufeff ann \r\n\r\nbob\r\n"])
def test_users_are_read_one_a_line(tmp_path: Path, text: str) -> None:
    """A header, blank lines, spaces, a byte order mark and line ends of any kind do not matter."""
    (tmp_path / "users.txt").write_text(text, newline="")
    assert read_users(tmp_path / "users.txt") == ("ann", "bob")


def test_a_user_file_that_names_nobody_is_refused(tmp_path: Path) -> None:
    """No user, no file, and a file that is no text are told apart."""
    path = tmp_path / "users.txt"
    with pytest.raises(InputError, match=r"cannot read the users .*users\.txt"):
        read_users(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"the users .*users\.txt is not UTF-8 text"):
        read_users(path)
    path.write_text("user\n\n")
    with pytest.raises(DataError, match="names no user"):
        read_users(path)


def other_run(
    path: Path, protocol: str, arrays: dict[str, np.ndarray], peers: dict[str, np.ndarray]
) -> RunFolder:
    """Return a finished run of another protocol: two users, and vectors [items, any] of each peer."""
    folder = RunFolder(path)
    folder.save_model(arrays, ["ann", "bob"])
    for party, vectors in peers.items():
        items = [(f"{party}-{number}", "") for number in range(len(vectors))]
        folder.save_peer(party, items, Payload({"vectors": vectors}))
    folder.finish({"run": path.name, "plan": {"settings": {"protocol": protocol}}})
    return folder


def test_attributes_of_several_owners_are_scored_in_one_call(tmp_path: Path) -> None:
    """Each with what its owner's vectors mean, and of its own length, in the order asked."""
    arrays = {
        "users.bolt": np.array([[0.5, 0.0], [0.25, 0.25]], np.float32),
        "users.cargo": np.array([[0.25], [0.5]], np.float32),
    }
    peers = {"bolt": np.array([[1, 0], [1, 1]], np.float32), "cargo": np.array([[1]], np.float32)}
    predictor = Predictor(other_run(tmp_path / "r-1", "transfer", arrays, peers))
    chosen = [predictor.attribute(key) for key in ("bolt-1", "cargo-0", "bolt-0")]
    (block,) = predictor.predict(chosen)
    assert block.probabilities.tolist() == [[0.5, 0.25, 0.5], [0.5, 0.5, 0.25]]
    assert predictor.score_kind == "linear score"
    assert predictor.column(chosen[1]).scores.tolist() == [0.25, 0.5]


def test_what_a_peer_offers_without_a_shared_item_cannot_be_asked_for(tmp_path: Path) -> None:
    """A transfer run says nothing of it: it is not listed, and asked for by name it says why."""
    arrays = {"users.bolt": np.array([[1.0], [0.5]], np.float32)}
    peers = {"bolt": np.array([[0.5]], np.float32), "cargo": np.array([[1.0]], np.float32)}
    predictor = Predictor(other_run(tmp_path / "r-1", "transfer", arrays, peers))
    assert [each.key for each in predictor.attributes()] == ["bolt-0"]
    with pytest.raises(InputError, match=r"this party shared no item with cargo in run r-1") as caught:
        predictor.attribute("cargo-0")
    assert "share items" in caught.value.hint


def test_factors_in_double_precision_are_scored(tmp_path: Path) -> None:
    """What was kept as float64 is multiplied as float64."""
    tiny = 2.0**-40
    arrays = {"user_factors": np.array([[1.0, 1.0], [0.5, 0.0]]), "item_factors": np.ones((3, 2))}
    peers = {"bolt": np.array([[0.5 + tiny, -tiny]])}
    predictor = Predictor(other_run(tmp_path / "r-1", "fcf", arrays, peers))
    (block,) = predictor.predict(predictor.attributes())
    assert block.probabilities.tolist() == [[0.5], [0.25]]
    assert predictor.score_kind == "preference"
    assert predictor.attributes()[0].vectors[0].dtype == np.float64


def test_vectors_of_another_length_are_refused_by_owner(tmp_path: Path) -> None:
    """Each owner's vectors must be as long as what the model has of that owner."""
    arrays = {"users.bolt": np.ones((2, 2), np.float32), "users.cargo": np.ones((2, 1), np.float32)}
    peers = {"bolt": np.ones((1, 2), np.float32), "cargo": np.ones((1, 2), np.float32)}
    folder = other_run(tmp_path / "r-1", "transfer", arrays, peers)
    with pytest.raises(InputError, match=r"cargo's vectors in .*r-1 have 2 numbers, the model takes 1"):
        Predictor(folder)


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"plan": {"settings": {"protocol": "magic"}}}, "is of protocol 'magic', which is not known here"),
        ({"plan": {"settings": {}}}, r"run\.json does not say which protocol the run had"),
        ({"plan": 5}, r"run\.json does not say which protocol the run had"),
    ],
)
def test_a_run_of_no_known_protocol_is_refused(
    folder: RunFolder, summary: dict[str, object], message: str
) -> None:
    """By the file that says so."""
    folder.finish(summary)
    with pytest.raises(InputError, match=message):
        Predictor(folder)
