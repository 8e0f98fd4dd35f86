"""The suite of loading: its table, its baselines, and all of its rows."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from feddmf_benchmarks.suites.load import COLUMNS, Table, make, rows_of
from feddmf_party.data import InteractionsSettings, load_interactions


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("name", ["load_by_dropping", "load_by_summing"])
def test_the_baselines_load_what_we_load(tmp_path: Path, name: str, *, text: bool) -> None:
    """Each user has the same items, for ids of text and of whole numbers."""
    table = Table(3000, text=text, users=90, items=40)
    path = tmp_path / "a.csv"
    make(table, path)
    assert len(path.read_text().splitlines()) == 3001
    items = [table.item(number) for number in range(table.items)]
    baselines = importlib.import_module("feddmf_benchmarks.baselines.pandas_loading")
    theirs, ids = getattr(baselines, name)(path, COLUMNS, items)
    settings = InteractionsSettings(path=path, user_column=COLUMNS[0], item_column=COLUMNS[1])
    ours = load_interactions(settings, [str(item) for item in items])
    pairs = ours.interactions
    assert 0 < pairs.pairs == theirs.nnz < 3000
    rows = [ours.user_ids.index(str(user)) for user in ids]
    for theirs_at, ours_at in enumerate(rows):
        mine = pairs.indices[pairs.indptr[ours_at] : pairs.indptr[ours_at + 1]]
        assert (
            theirs.indices[theirs.indptr[theirs_at] : theirs.indptr[theirs_at + 1]].tolist() == mine.tolist()
        )
    assert set(theirs.data.tolist()) == {1.0}


def test_every_row_is_there() -> None:
    """Both kinds of ids against each baseline; the second start against the first."""
    found = rows_of(400, turns=1)
    names = [row.name.partition(",")[0] for row in found]
    theirs = ["pandas with SciPy", "pandas with drop_duplicates"]
    contest = [*(f"FedDMF against {name}" for name in theirs), *theirs]
    assert names == [*contest, "second start", "first start", *contest]
    assert all(row.value > 0 and row.peak_mib > 0 for row in found)
    for ours, baseline in zip([*found[:2], *found[6:8]], [*found[2:4], *found[8:]], strict=True):
        assert ours.baseline == baseline.name
        assert ours.ratio == ours.value / baseline.value
        assert ours.name == f"FedDMF against {baseline.name}"
        assert (baseline.baseline, baseline.ratio) == ("", None)
