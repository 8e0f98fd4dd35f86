"""What binds a party in the use of peers' vectors: an end, withdrawals; kept beside the run and obeyed."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf.ledger import PUBLISHING
from feddmf_party.expiry import LATEST_MS, publication_end
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.policy import Policy
from feddmf_party.prediction import Predictor
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import NO_TERMS, Terms, Withdrawal, keep_until, keep_withdrawals, load_terms
from feddmf_party.withdrawals import check_published, take_in
from support.finished import finished_run


def now_ms() -> int:
    """Return the milliseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1_000)


NOW_MS = now_ms()
DAY_MS = 86_400_000
PEERS = {"bolt": {"pen": 1.0, "cup": 0.0}, "cargo": {"pen": -3.0}}
SOLD = Withdrawal(1_763_683_200_000, "r-1", "bolt", ("cup",), "sold")  # 2025-11-21
GONE = Withdrawal(1_763_769_600_000, "r-1", "bolt", (), "all wrong")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return the folder of a finished run in which bolt and cargo published."""
    return finished_run(tmp_path / "r-1", {"ann": 1.0, "bob": -2.0}, PEERS)


def askable(folder: RunFolder) -> dict[str, tuple[str, ...]]:
    """Return the owners of everything that can be asked for."""
    return {each.key: each.owners for each in Predictor(folder).attributes()}


def test_without_terms_nothing_is_bound(folder: RunFolder) -> None:
    """As runs of earlier versions were kept."""
    assert load_terms(folder.path) == NO_TERMS
    assert askable(folder) == {"pen": ("bolt", "cargo"), "cup": ("bolt",)}
    assert Predictor(folder).offered.unavailable() == ()


def test_terms_come_back_as_they_were_kept(folder: RunFolder) -> None:
    """Without an end where none was told; for the owner of the folder alone."""
    keep_until(folder.path, {"bolt": NOW_MS, "cargo": 0})
    keep_withdrawals(folder.path, [GONE, SOLD])
    terms = load_terms(folder.path)
    assert terms == Terms({"bolt": NOW_MS}, (SOLD, GONE))
    assert terms.ends("cargo") is None
    for name in ("until.json", "withdrawn.json"):
        assert stat.S_IMODE((folder.path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["until.json", "withdrawn.json"])
@pytest.mark.parametrize("text", ["", "3", '{"bolt": "soon"}', '[{"run": "r-1"}]', "[3]"])
def test_terms_that_cannot_be_read_are_an_error(folder: RunFolder, name: str, text: str) -> None:
    """Whoever loses them would use what was taken back."""
    (folder.path / name).write_text(text)
    with pytest.raises(InputError, match=r"cannot read terms|does not say until when"):
        Predictor(folder)


def test_an_owner_whose_publication_ends_answers_no_more(folder: RunFolder) -> None:
    """From that moment on, also in a process that runs; the other owner of the same item goes on."""
    keep_until(folder.path, {"bolt": NOW_MS - 1, "cargo": NOW_MS + DAY_MS})
    assert askable(folder) == {"pen": ("cargo",)}
    predictor = Predictor(folder)
    with pytest.raises(InputError, match=f"published by bolt until {datetime.now(UTC):%Y}-"):
        predictor.attribute("cup")
    with pytest.raises(InputError, match="'pen' of run r-1 cannot be asked for: published by bolt until"):
        predictor.attribute("pen", owner="bolt")
    assert [(each.owner, each.key) for each in predictor.offered.unavailable()] == [
        ("bolt", "pen"),
        ("bolt", "cup"),
    ]
    ((answered,), refused) = Questions(folder).useful()
    assert (answered.attribute.owners, refused) == (("cargo",), [])


def test_what_is_withdrawn_is_not_scored_and_its_vector_is_gone(folder: RunFolder) -> None:
    """Who, when and why are told; its name stays, so that it can be; another owner's item goes on."""
    assert take_in([folder], [SOLD]) == (SOLD,)
    with pytest.raises(InputError, match="withdrawn by bolt on 2025-11-21: sold"):
        Predictor(folder).attribute("cup")
    assert askable(folder) == {"pen": ("bolt", "cargo")}
    (bolt, _) = folder.load_peers()
    assert bolt.keys == ("pen", "cup")
    assert bolt.vectors.tolist() == [[1], [0]]
    # Everything, and what came first is told of first.
    assert take_in([folder], [SOLD, GONE]) == (GONE,)
    assert take_in([folder], [GONE, SOLD]) == ()
    assert askable(folder) == {"pen": ("cargo",)}
    whys = {each.key: each.why for each in Predictor(folder).offered.unavailable()}
    assert whys == {
        "pen": "withdrawn by bolt on 2025-11-22: all wrong",
        "cup": "withdrawn by bolt on 2025-11-21: sold",
    }
    assert not folder.load_peers()[0].vectors.any()


def test_who_died_before_the_vectors_were_gone_does_it_again(folder: RunFolder) -> None:
    """The record comes first, so that nothing is scored meanwhile."""
    keep_withdrawals(folder.path, [GONE])
    assert askable(folder) == {"pen": ("cargo",)}
    assert take_in([folder], [GONE]) == ()
    assert not folder.load_peers()[0].vectors.any()


def test_withdrawals_of_other_runs_and_strangers_change_nothing(folder: RunFolder) -> None:
    """A run that cannot be read is left, and the others go on."""
    other = Withdrawal(1, "r-2", "bolt", (), "")
    stranger = Withdrawal(1, "r-1", "delta", ("pen",), "")
    broken = finished_run(folder.path.parent / "r-2", {"ann": 1.0}, PEERS)
    (broken.path / "until.json").write_text("{}")
    (broken.path / "withdrawn.json").write_text("no")
    assert take_in([broken, folder], [other, stranger]) == (stranger,)
    assert askable(folder) == {"pen": ("bolt", "cargo"), "cup": ("bolt",)}
    assert stranger.why == "withdrawn by delta on 1970-01-01"


def test_the_policy_says_for_how_long() -> None:
    """A year as it comes; what was said of a publication before stays, whatever the policy says now."""
    before = now_ms()
    year = publication_end(Policy(), None)
    assert before <= year - 365 * DAY_MS <= now_ms()
    assert publication_end(Policy(publication_days=1), 12) == 12
    assert publication_end(Policy(publication_days=36_500), None) < LATEST_MS


def test_only_own_items_can_be_taken_back(folder: RunFolder) -> None:
    """As far as the folder tells; of a run that it has not kept the coordinator alone can."""
    ledger = LedgerFile(folder.path.parent / "ledger.jsonl")
    for run in ("r-1", "r-8"):
        ledger.append({"event": "release", "run": run, "phase": PUBLISHING})
    kept = RunFolder(folder.path)
    kept.save_model(kept.load_model(), ["ann", "bob"], [])
    with pytest.raises(InputError, match="'pen' is none of this party's items in run r-1"):
        check_published(ledger, folder.path.parent, "r-1", ["pen"])
    # Nothing of it is kept here: the coordinator alone can tell.
    check_published(ledger, folder.path.parent, "r-8", ["pen"])
    for none in ("r-9", "../r-1"):
        with pytest.raises(InputError, match="no publication after a run"):
            check_published(ledger, folder.path.parent, none, ["pen"])
