"""Files of audiences after a withdrawal: those that were made of it are gone, no other is."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from feddmf_party.audiences.exports import Export, ExportFiles
from feddmf_party.audiences.saved import AudienceStore, Cut, save
from feddmf_party.criteria import Criteria
from feddmf_party.folder import PartyFolder
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import Withdrawal
from feddmf_party.withdrawals import take_in

SOLD = Withdrawal(1, "r-1", "bolt", ("cup",), "sold")


@pytest.fixture
def home(questions: Questions, tmp_path: Path) -> PartyFolder:
    """Return the folder of that run, with an audience for a pen and one for whoever has no cup as well."""
    found = PartyFolder(tmp_path)
    store = AudienceStore(found.audiences)
    save(store, questions, "pens", Criteria.of("pen"), Cut(), by="eva")
    save(store, questions, "cups", Criteria(all=("pen",), none=("cup",)), Cut(), by="eva")
    return found


def kept(home: PartyFolder, *audiences: str, run: str = "r-1") -> list[Export]:
    """Keep an export of each audience, done or under way, with a file."""
    files, found = ExportFiles(home.exports), []
    for name in audiences:
        export = Export.asked(name, run, "csv", by="eva")
        files.keep(export.running() if name == "pens" else export.done(1, 9))
        files.path(export).write_text("user,score\nann,1\n")
        found.append(export)
    return found


def left(home: PartyFolder) -> set[str]:
    """Return the audiences whose exports are there, with their files."""
    files = ExportFiles(home.exports)
    assert all(files.path(each).is_file() for each in files.all())
    assert len(list(home.exports.iterdir())) == 2 * len(files.all())
    return {f"{each.run}: {each.audience}" for each in files.all()}


@pytest.mark.parametrize(
    ("withdrawn", "stays"),
    [
        (SOLD, {"r-1: pens", "r-2: cups"}),
        (Withdrawal(1, "r-1", "bolt", (), ""), {"r-2: cups"}),
        (Withdrawal(1, "r-1", "cargo", ("cup",), ""), {"r-2: cups", "r-1: pens"}),
    ],
)
def test_what_was_made_of_a_withdrawal_is_gone(
    home: PartyFolder, withdrawn: Withdrawal, stays: set[str]
) -> None:
    """Of one key or of all a peer published; whoever is not known to be made of anything else goes too."""
    kept(home, "pens", "cups", "nobody's")
    kept(home, "cups", run="r-2")
    take_in([RunFolder(home.runs / "r-1")], [withdrawn])
    assert left(home) == stays


def test_other_owners_and_later_exports_stay(home: PartyFolder, questions: Questions) -> None:
    """However often the withdrawal is heard of; also where who took it in died before they were gone."""
    save(AudienceStore(home.audiences), questions, "bolt", Criteria.of("cup"), Cut(), by="eva", owner="bolt")
    run = RunFolder(home.runs / "r-1")
    kept(home, "bolt", "cups")
    take_in([run], [Withdrawal(1, "r-1", "cargo", ("cup",), "")])
    assert left(home) == {"r-1: bolt"}
    take_in([run], [SOLD])
    assert left(home) == set()
    before = run.path / "withdrawn.json"
    (export,) = kept(home, "cups")
    moment = (export.asked_at - timedelta(minutes=1)).timestamp()
    os.utime(before, (moment, moment))
    take_in([run], [SOLD])
    assert left(home) == {"r-1: cups"}
    os.utime(before)
    take_in([run], [SOLD])
    assert left(home) == set()
