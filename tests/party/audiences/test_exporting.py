"""Files of audiences in the background: whole, bounded, ended by whoever asks, gone in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from feddmf.errors import InputError, LocalResourceError, PolicyError
from feddmf_party.audiences import exporting, writing
from feddmf_party.audiences.exporting import Exporter
from feddmf_party.audiences.exports import Export, ExportFiles, State, erase_exports
from feddmf_party.audiences.saved import AudienceStore, Cut, SavedAudience, save
from feddmf_party.audiences.writing import write_audience
from feddmf_party.criteria import Criteria
from feddmf_party.data.arrow import parquet
from feddmf_party.questions import Questions

SOON_S = 20.0


@pytest.fixture
def files(tmp_path: Path) -> ExportFiles:
    """Return a folder of exports that is not there yet."""
    return ExportFiles(tmp_path / "exports")


@pytest.fixture
def audience(questions: Questions, tmp_path: Path) -> SavedAudience:
    """Return the three best users for a pen, under a name."""
    return save(AudienceStore(tmp_path / "a"), questions, "pens", Criteria.of("pen"), Cut(size=3), by="eva")


@pytest.fixture
def exporter(files: ExportFiles, questions: Questions) -> Iterator[Exporter]:
    """Return an exporter of that folder, which allows everything."""
    made = Exporter(files, lambda _: questions, lambda _: None, lambda: 7)
    made.open()
    yield made
    made.close()


def ended(exporter: Exporter, export: Export) -> Export:
    """Wait until an export is over, and return it."""
    until = time.monotonic() + SOON_S
    while time.monotonic() < until:
        found, _ = exporter.find(export.id)
        if found.state.is_over:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let no export go on before the function that is returned is called."""
    go_on = threading.Event()

    def waits(path: Path, audience: SavedAudience, *rest: object) -> int:
        assert go_on.wait(SOON_S)
        return write_audience(path, audience, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "write_audience", waits)
    yield go_on.set
    go_on.set()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_becomes_a_file(
    exporter: Exporter, audience: SavedAudience, files: ExportFiles, form: str
) -> None:
    """Best first, its owner's alone; what is kept of it names no user."""
    asked = exporter.start(audience, form, by="eva")
    assert (asked.state, asked.audience, asked.run, asked.by) == (State.WAITING, "pens", "r-1", "eva")
    done = ended(exporter, asked)
    path = exporter.file(done)
    assert (done.state, done.rows, done.size) == (State.DONE, 3, path.stat().st_size)
    users = (
        [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
        if form == "csv"
        else parquet.read_table(path).column("user").to_pylist()
    )
    assert users == ["cat", "ann", "dan"]
    assert {each.stat().st_mode & 0o777 for each in files.folder.iterdir()} == {0o600}
    assert "cat" not in (files.folder / f"{done.id}.json").read_text()
    assert exporter.all() == [(done, None)]


def test_many_parts_are_one_file(
    questions: Questions, audience: SavedAudience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens is told how many rows are written, of how many."""
    monkeypatch.setattr(writing, "_PART", 2)
    told: list[tuple[int, int | None, str]] = []

    class Ear:
        def show(self, done: int, total: int | None, what: str) -> None:
            told.append((done, total, what))

    assert write_audience(tmp_path / "a.csv", audience, questions, Ear()) == 3
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4
    assert told == [(0, None, "users scored"), *((done, 3, "rows written") for done in (0, 2, 3))]


def test_whoever_asks_ends_an_export(
    exporter: Exporter, audience: SavedAudience, files: ExportFiles, held: Callable[[], None]
) -> None:
    """Before it began and on its way; nothing of a file is left; removed once more it is gone."""
    asked = [exporter.start(audience, "csv", by="eva") for _ in range(3)]
    assert exporter.find(asked[2].id)[1] is not None
    assert [exporter.remove(each.id).state for each in asked[1:]] == [State.CANCELLED] * 2
    held()
    assert [ended(exporter, each).state for each in asked] == [State.DONE, State.CANCELLED, State.CANCELLED]
    assert {path.suffix for path in files.folder.iterdir()} == {".json", ".csv"}
    with pytest.raises(InputError, match="this export is cancelled"):
        exporter.file(files.find(asked[1].id))
    for each in asked:
        exporter.remove(each.id)
    assert list(files.folder.iterdir()) == []
    with pytest.raises(InputError, match="no such export"):
        exporter.remove(asked[0].id)


@pytest.fixture
def at_last(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Take what is done once an export's file is written, and before it is in its place."""
    go_on, done = threading.Event(), list[Callable[[], object]]()

    def last(path: Path, audience: SavedAudience, *rest: object) -> int:
        rows = write_audience(path, audience, *rest)  # type: ignore[arg-type]
        assert go_on.wait(SOON_S)
        done[0]()
        return rows

    def take(what: Callable[[], object]) -> None:
        done.append(what)
        go_on.set()

    monkeypatch.setattr(exporting, "write_audience", last)
    yield take
    go_on.set()


@pytest.mark.parametrize(("by", "state"), [("asking", State.CANCELLED), ("closing", State.FAILED)])
def test_an_export_that_was_ended_at_the_last_moment_has_no_file(
    exporter: Exporter,
    audience: SavedAudience,
    at_last: Callable[[Callable[[], object]], None],
    by: str,
    state: State,
) -> None:
    """Whoever was told that it is over is told the same afterwards."""
    asked = exporter.start(audience, "csv", by="eva")
    at_last(exporter.close if by == "closing" else lambda: exporter.remove(asked.id))
    assert ended(exporter, asked).state is state
    assert [path.name for path in exporter._files.folder.iterdir()] == [f"{asked.id}.json"]


@pytest.mark.parametrize("by", ["the server", "another process"])
@pytest.mark.parametrize("moment", ["last", "first"])
def test_an_export_that_was_removed_under_way_leaves_nothing(
    exporter: Exporter,
    audience: SavedAudience,
    at_last: Callable[[Callable[[], object]], None],
    by: str,
    moment: str,
) -> None:
    """With its audience, by whoever else holds the folder, or before its turn came."""
    files = exporter._files
    every = [exporter.start(audience, "csv", by="eva") for _ in range(1 if moment == "last" else 4)]

    def removed() -> None:
        if by == "the server":
            exporter.remove_of("pens")
        else:
            for each in every:
                files.remove(each)

    at_last(removed)
    until = time.monotonic() + SOON_S
    while exporter._jobs:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert list(files.folder.iterdir()) == []


def test_few_are_written_at_once_and_few_wait(
    exporter: Exporter, audience: SavedAudience, held: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes then is told so."""
    monkeypatch.setattr(exporting, "_MOST_WAITING", 1)
    asked = [exporter.start(audience, "csv", by="eva") for _ in range(3)]
    with pytest.raises(LocalResourceError, match="too many exports wait"):
        exporter.start(audience, "csv", by="eva")
    until = time.monotonic() + SOON_S
    while sum(each.state is State.RUNNING for each, _ in exporter.all()) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert [each.state for each, _ in exporter.all()].count(State.WAITING) == 1
    held()
    assert {ended(exporter, each).state for each in asked} == {State.DONE}


def test_what_the_policy_does_not_allow_is_not_begun(
    files: ExportFiles, questions: Questions, audience: SavedAudience
) -> None:
    """By the rows that the audience had; or ended, where it has more by now."""

    def check(rows: int) -> None:
        if rows > 2:
            raise PolicyError(f"{rows} rows", hint="ask for fewer")

    exporter = Exporter(files, lambda _: questions, check, lambda: 7)
    with pytest.raises(PolicyError, match="3 rows"):
        exporter.start(audience, "csv", by="eva")
    assert files.all() == []
    failed = ended(exporter, exporter.start(audience.model_copy(update={"users": 2}), "csv", by="eva"))
    assert (failed.state, failed.error, failed.hint) == (State.FAILED, "3 rows", "ask for fewer")
    exporter.close()


def test_an_export_that_fails_says_why(
    files: ExportFiles, audience: SavedAudience, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that is gone, a disk that is full; of a defect the log says where, and no more."""

    def gone(run: str) -> Questions:
        raise InputError(f"no run {run}", hint="save it again")

    def broken(_: str) -> Questions:
        raise ValueError("cat")

    for load, error in ((gone, "no run r-1"), (broken, "internal error")):
        exporter = Exporter(files, load, lambda _: None, lambda: 7)
        failed = ended(exporter, exporter.start(audience, "csv", by="eva"))
        assert (failed.state, failed.error) == (State.FAILED, error)
        exporter.close()
    assert "a defect of ours: ValueError at " in caplog.text
    assert "cat" not in caplog.text


def test_what_an_earlier_process_left_is_mended(
    files: ExportFiles, questions: Questions, audience: SavedAudience
) -> None:
    """What was under way has failed; halves and files that nobody can ask for are gone."""
    first = Export.asked("pens", "r-1", "csv", by="eva")
    files.keep(first)
    files.keep(second := Export.asked("pens", "r-1", "csv", by="eva").running())
    for name in (f".{first.id}.csv.x.part", "0123456789abcdef.csv", "strange.csv"):
        (files.folder / name).write_text("cat")
    exporter = Exporter(files, lambda _: questions, lambda _: None, lambda: 7)
    # Before it is opened, another process may be at work here.
    assert [each.state for each in files.all()] == [State.RUNNING, State.WAITING]
    assert len(list(files.folder.iterdir())) == 5
    exporter.open()
    assert {each.id: each.state for each, _ in exporter.all()} == {
        first.id: State.FAILED,
        second.id: State.FAILED,
    }
    assert {path.suffix for path in files.folder.iterdir()} == {".json"}
    exporter.close()


def test_a_process_that_ends_says_so(
    exporter: Exporter, audience: SavedAudience, held: Callable[[], None]
) -> None:
    """Nobody has cancelled what it had no time for."""
    asked = exporter.start(audience, "csv", by="eva")
    exporter.close()
    held()
    failed = ended(exporter, asked)
    assert (failed.state, "the server ended" in failed.error) == (State.FAILED, True)


def test_a_process_that_ends_waits_for_what_it_writes(
    exporter: Exporter, audience: SavedAudience, files: ExportFiles, held: Callable[[], None]
) -> None:
    """So that nothing is written any more once the folder is another's; and not for ever."""
    asked = exporter.start(audience, "csv", by="eva")
    until = time.monotonic() + SOON_S
    while files.find(asked.id).state is State.WAITING:
        assert time.monotonic() < until
        time.sleep(0.01)
    exporter.close(within_s=0.01)
    assert not files.find(asked.id).state.is_over
    threading.Timer(0.1, held).start()
    exporter.close(within_s=SOON_S)
    assert files.find(asked.id).state is State.FAILED
    assert [path.suffix for path in files.folder.iterdir()] == [".json"]


def test_exports_go_in_time(
    exporter: Exporter, audience: SavedAudience, files: ExportFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many days, and the oldest where there are too many."""
    monkeypatch.setattr(exporting, "_MOST_KEPT", 2)
    done = [ended(exporter, exporter.start(audience, "csv", by="eva")) for _ in range(4)]
    assert [each.id for each, _ in exporter.all()] == [done[3].id, done[2].id]
    old = done[3]
    assert old.ended_at is not None
    files.keep(old.model_copy(update={"ended_at": old.ended_at - timedelta(days=8)}))
    assert [each.id for each, _ in exporter.all()] == [done[2].id]
    assert len(list(files.folder.iterdir())) == 2


def test_exports_go_in_time_though_nobody_asks(
    files: ExportFiles,
    questions: Questions,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From the start on; what hinders it is said, and it goes on."""
    monkeypatch.setattr(exporting, "_LOOK_S", 0.01)
    done = Export.asked("pens", "r-1", "csv", by="eva").done(1, 1)
    assert done.ended_at is not None
    files.keep(done.model_copy(update={"ended_at": done.ended_at - timedelta(days=8)}))
    hindered = iter([True])

    def days() -> float:
        if next(hindered, False):
            raise InputError("no policy", hint="write one")
        return 7

    exporter = Exporter(files, lambda _: questions, lambda _: None, days)
    exporter.open()
    until = time.monotonic() + SOON_S
    while list(files.folder.iterdir()):
        assert time.monotonic() < until
        time.sleep(0.01)
    exporter.close()
    assert "exports are not looked after: no policy" in caplog.text


def test_with_an_audience_go_its_exports(exporter: Exporter, audience: SavedAudience) -> None:
    """Those of others stay."""
    other = audience.model_copy(update={"name": "cups"})
    done = [ended(exporter, exporter.start(each, "csv", by="eva")) for each in (audience, other)]
    exporter.remove_of("pens")
    assert exporter.all() == [(done[1], None)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_users_who_are_forgotten_leave_exports_too(
    exporter: Exporter, audience: SavedAudience, files: ExportFiles, form: str
) -> None:
    """Their rows go, and are no longer counted; a file that cannot be read goes as a whole."""
    done, damaged = (ended(exporter, exporter.start(audience, form, by="eva")) for _ in range(2))
    files.path(damaged).write_bytes(b"\xff")
    assert erase_exports(files, ["ann", "zoe"]) == {"pens": 1}
    (left,) = files.all()
    assert (left.id, left.rows, left.size) == (done.id, 2, files.path(done).stat().st_size)
    assert b"ann" not in files.path(done).read_bytes()
    assert erase_exports(files, ["ann"]) == {}


@pytest.mark.parametrize("export", ["", "../a", "0123456789abcde", "0123456789ABCDEF"])
def test_an_id_is_no_path(files: ExportFiles, export: str) -> None:
    """Whatever is asked for."""
    with pytest.raises(InputError, match="no such export"):
        files.find(export)
