"""The benchmark of the console: every row is there, of a run whose answers were measured."""

from __future__ import annotations

from pathlib import Path

from feddmf_benchmarks.finished_runs import Size
from feddmf_benchmarks.measured_runs import write_party
from feddmf_benchmarks.suites.console import rows_of
from feddmf_party.criteria import Criteria
from feddmf_party.folder import PartyFolder
from feddmf_party.questions import Questions, finished_run

SIZE = Size(300, 24, 50, 4)


def test_every_row_is_complete() -> None:
    """Previews against the same without kept scores; the others stand alone."""
    rows = rows_of(SIZE, turns=1)
    assert len({row.name for row in rows}) == len(rows) == 6
    page, one, one_live, three, three_live, filled = rows
    assert (one.baseline, three.baseline) == (one_live.name, three_live.name)
    assert all(row.ratio is not None for row in (one, three))
    assert all(row.ratio is None for row in (page, one_live, three_live, filled))
    assert all(row.share_of_limit is not None for row in (page, one, three))
    assert "below 0.3 s" in page.name
    assert all("below 1 s" in row.name for row in (one, three))
    assert {row.unit for row in rows} == {"s"}
    assert min(min(row.value, row.peak_mib) for row in rows) > 0


def test_a_generated_party_answers_with_intervals(tmp_path: Path) -> None:
    """Its users' activity is known, and hidden items speak for its attributes."""
    write_party(tmp_path / "party", SIZE)
    home = PartyFolder(tmp_path / "party")
    home.require()
    questions = Questions(finished_run(home.path, None))
    seen = questions.preview(questions.wanted(Criteria.of("a000003")), 30)
    assert (questions.users, len(questions.predictor.attributes())) == (300, 24)
    assert seen.expected is not None
    assert seen.popularity is not None
    assert seen.expected.recall.lower <= seen.expected.recall.value <= seen.expected.recall.upper
