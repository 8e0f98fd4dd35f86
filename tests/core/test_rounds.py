"""The round table: one reply a round for everybody, again for who asks again, one failure for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from feddmf.errors import FedDMFError, LocalResourceError, Misconduct, PayloadError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload
from feddmf.protocols.base import Arrays, Outcome
from feddmf.protocols.fcf import LOSS_UNIT
from feddmf.protocols.feddmf import FedDMF
from feddmf.protocols.registry import protocol_for
from feddmf.round_keeping import Collected
from feddmf.rounds import RoundRecord, RoundTable
from support.runs import small_run

RUN = small_run(
    3,
    shared=3,
    own=1,
    each=2,
    model={"embedding_dim": 2},
    training={"epochs": 1},
    alignment={"syncs_per_epoch": 2, "probe_share": 0.0},
    # The vectors here are made up and follow nothing.
    enforcement={"not_following": "report", "probe_floor": -1},
)
ROUNDS = (("align", 0), ("align", 1), ("close", 0))
PARTIES = RUN.plan.roster


def give(*, turn: float = 0.0, rows: int = 3) -> Payload:
    """Return a contribution that fits the schema, with vectors at an angle."""
    vectors = np.tile(np.array([[np.cos(turn), np.sin(turn)]], dtype=np.float32), (rows, 1))
    return Payload({"vectors": vectors, "loss": np.zeros((1, 1), dtype=np.float32)})


def make_table(**settings: Any) -> RoundTable:
    """Return a fresh table of a run with two align rounds and a close."""
    return RoundTable(FedDMF(), RUN.plan, RUN.rows, **settings)


async def everybody(table: RoundTable, phase: str, number: int) -> dict[str, Reply]:
    """Put in a round of contributions, one angle a party."""
    turns = enumerate(PARTIES)
    replies = [table.exchange(party, phase, number, give(turn=turn)) for turn, party in turns]
    return dict(zip(PARTIES, await asyncio.gather(*replies), strict=True))


def play(scenario: Callable[[RoundTable], Awaitable[Any]], **settings: Any) -> Any:
    """Run a scenario at a fresh table; it must not wait for ever."""

    async def bounded() -> Any:
        return await asyncio.wait_for(scenario(make_table(**settings)), 10)

    return asyncio.run(bounded())


def test_a_run_goes_through_all_its_rounds() -> None:
    """Everybody gets a reply of the round's schema; the last one says done; records tell of each."""
    records: list[RoundRecord] = []

    async def scenario(table: RoundTable) -> list[bool]:
        done = []
        for phase, number in ROUNDS:
            assert table.current == (table.phase(phase), number)
            assert table.missing == PARTIES
            replies = await everybody(table, phase, number)
            for party, reply in replies.items():
                table.phase(phase).reply.check(reply.payload, RUN.rows.sizes(party))
            done.append(all(reply.done for reply in replies.values()))
        assert table.finished.is_set()
        assert (table.missing, table.failure) == ((), None)
        return done

    assert play(scenario, on_round=records.append) == [False, False, True]
    assert [(record.phase, record.number) for record in records] == [*ROUNDS]
    up = 3 * give().nbytes
    down = 3 * (3 * 2 * 4 + 8)
    assert [(record.bytes_up, record.bytes_down) for record in records] == [(up, down), (up, down), (up, 0)]


def test_nobody_is_answered_before_all_have_contributed() -> None:
    """A round waits for its last party, and says who is missing."""

    async def scenario(table: RoundTable) -> None:
        tasks = []
        for at, party in enumerate(PARTIES):
            assert table.missing == PARTIES[at:]
            assert not any(task.done() for task in tasks)
            tasks.append(asyncio.create_task(table.exchange(party, "align", 0, give())))
            await asyncio.sleep(0)
        assert len(await asyncio.gather(*tasks)) == 3

    play(scenario)


def test_order_does_not_matter() -> None:
    """In whatever order contributions come, the replies are the same bytes."""

    async def scenario(table: RoundTable) -> dict[str, bytes]:
        order = (2, 0, 1) if table.missing else ()
        tasks = {PARTIES[at]: table.exchange(PARTIES[at], "align", 0, give(turn=at)) for at in order}
        replies = dict(zip(tasks, await asyncio.gather(*tasks.values()), strict=True))
        return {party: replies[party].payload.sha256() for party in PARTIES}

    async def sorted_scenario(table: RoundTable) -> dict[str, bytes]:
        return {
            party: reply.payload.sha256() for party, reply in (await everybody(table, "align", 0)).items()
        }

    assert play(scenario) == play(sorted_scenario)


def test_a_protocol_sees_its_parties_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contributions come to `combine` in sorted party id, whatever order they came in."""
    seen, combine = [], FedDMF.combine

    def spy(
        protocol: FedDMF, state: Any, phase: str, number: int, contributions: dict[str, Payload]
    ) -> Outcome:
        seen.append(tuple(contributions))
        return combine(protocol, state, phase, number, contributions)

    async def scenario(table: RoundTable) -> None:
        await asyncio.gather(*(table.exchange(party, "align", 0, give()) for party in reversed(PARTIES)))

    monkeypatch.setattr(FedDMF, "combine", spy)
    play(scenario)
    assert seen == [tuple(sorted(PARTIES))]


def test_the_same_bytes_get_the_same_reply() -> None:
    """Who sends again, before or after the round has closed, is answered again and not counted twice."""
    calls: list[RoundRecord] = []

    async def scenario(table: RoundTable) -> None:
        twice = [asyncio.create_task(table.exchange("acme", "align", 0, give())) for _ in range(2)]
        await asyncio.sleep(0)
        assert table.missing == ("bolt", "cargo")
        others = [table.exchange(party, "align", 0, give(turn=1)) for party in ("bolt", "cargo")]
        await asyncio.gather(*others)
        first, second = await asyncio.gather(*twice)
        later = await table.exchange("acme", "align", 0, give())
        assert first.payload.sha256() == second.payload.sha256() == later.payload.sha256()
        assert table.current[1] == 1

    play(scenario, on_round=calls.append)
    assert len(calls) == 1


def test_the_last_round_can_be_asked_again() -> None:
    """Who lost the reply of the last round gets it from a finished run."""

    async def scenario(table: RoundTable) -> None:
        for phase, number in ROUNDS:
            await everybody(table, phase, number)
        assert (await table.exchange("acme", "close", 0, give())).done

    play(scenario)


@pytest.mark.parametrize("closed", [False, True])
def test_other_bytes_for_one_round_are_misconduct(*, closed: bool) -> None:
    """A contribution that contradicts the one before ends the run for everybody and names its sender."""

    async def scenario(table: RoundTable) -> None:
        if closed:
            await everybody(table, "align", 0)
            waiting = asyncio.create_task(table.exchange("bolt", "align", 1, give()))
        else:
            waiting = asyncio.create_task(table.exchange("acme", "align", 0, give()))
        await asyncio.sleep(0)
        with pytest.raises(Misconduct, match="acme sent two different contributions") as caught:
            await table.exchange("acme", "align", 0, give(turn=2))
        assert caught.value.party == "acme"
        with pytest.raises(Misconduct, match="acme sent two different"):
            await waiting
        assert isinstance(table.failure, Misconduct)
        assert table.finished.is_set()

    play(scenario)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (give(rows=2), r"acme sent array vectors has shape \(2, 2\), declared \(3, 2\)"),
        (give(turn=np.nan), "acme sent array vectors row 0 is not finite"),
        (Payload(), "acme sent arrays none where vectors, loss are declared"),
        (Payload({"vectors": np.full((3, 2), 1e5, np.float32), "loss": give()["loss"]}), "has norm 1.41e"),
    ],
)
def test_what_is_outside_the_schema_names_its_sender(payload: Payload, message: str) -> None:
    """NaN, other shapes, other arrays and giant vectors end the run for all who wait."""

    async def scenario(table: RoundTable) -> None:
        waiting = asyncio.create_task(table.exchange("bolt", "align", 0, give()))
        await asyncio.sleep(0)
        with pytest.raises(Misconduct, match=message) as caught:
            await table.exchange("acme", "align", 0, payload)
        assert caught.value.party == "acme"
        assert isinstance(caught.value.__cause__, PayloadError)
        with pytest.raises(Misconduct, match=message):
            await waiting
        with pytest.raises(Misconduct, match=message):
            await table.exchange("cargo", "align", 0, give())

    play(scenario)


@pytest.mark.parametrize(
    ("phase", "number", "message"),
    [
        ("align", 0, "align 0, which is not the open round"),
        ("close", 0, "close 0, which is not the open round"),
        ("align", 2, "the run has no round align 2"),
        ("train", 0, "the run has no round train 0"),
    ],
)
def test_another_round_than_the_open_one_is_refused(phase: str, number: int, message: str) -> None:
    """Rounds long past, rounds to come and rounds that never are do not end the run for the others."""

    async def scenario(table: RoundTable) -> None:
        await everybody(table, "align", 0)
        if number == 0 and phase == "align":
            await everybody(table, "align", 1)
        with pytest.raises(RunFailed, match=message):
            await table.exchange("acme", phase, number, give(turn=1))
        assert table.failure is None

    play(scenario)


def test_a_phase_that_the_run_does_not_have_is_refused() -> None:
    """Asking for an unknown phase by name is an error of the run, with a short name in it."""
    with pytest.raises(RunFailed, match=r"no phase 'x{40}'$"):
        make_table().phase("x" * 1000)


def test_who_is_not_in_the_run_is_refused() -> None:
    """A party outside the roster cannot contribute, and does no harm."""

    async def scenario(table: RoundTable) -> None:
        with pytest.raises(RunFailed, match="delta is not in this run"):
            await table.exchange("delta", "align", 0, give())
        assert table.missing == PARTIES

    play(scenario)


def test_a_failure_reaches_everybody() -> None:
    """Who waits and who comes later get the same failure; the first one stands."""
    failure = RunFailed("the operator stopped the run")

    async def scenario(table: RoundTable) -> None:
        waiting = [asyncio.create_task(table.exchange(party, "align", 0, give())) for party in PARTIES[:2]]
        await asyncio.sleep(0)
        table.fail(failure)
        table.fail(RunFailed("later"))
        for task in waiting:
            with pytest.raises(RunFailed) as caught:
                await task
            assert caught.value is failure
        with pytest.raises(RunFailed, match="stopped"):
            await table.exchange(PARTIES[2], "align", 0, give())
        assert table.failure is failure

    play(scenario)


def test_a_finished_run_cannot_fail() -> None:
    """What happens behind the last round does not undo it."""

    async def scenario(table: RoundTable) -> None:
        for phase, number in ROUNDS:
            await everybody(table, phase, number)
        table.fail(RunFailed("late"))
        assert table.failure is None

    play(scenario)


async def all_fail(table: RoundTable, kind: type[Exception]) -> list[BaseException]:
    """Put in a round that cannot be combined; return what each party gets."""
    exchanges = [table.exchange(party, "align", 0, give()) for party in PARTIES]
    results = await asyncio.gather(*exchanges, return_exceptions=True)
    assert table.finished.is_set()
    found = [result for result in results if isinstance(result, BaseException)]
    assert len(found) == 3
    assert all(isinstance(each, kind) for each in found)
    return found


def test_a_protocol_that_refuses_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in combining is everybody's, and nothing counts as answered."""

    def refuse(*_: object) -> Outcome:
        raise RunFailed("no agreement")

    monkeypatch.setattr(FedDMF, "combine", refuse)
    play(lambda table: all_fail(table, RunFailed))


def test_a_reply_outside_its_schema_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coordinator holds itself to the schema too."""
    bad = Payload({"vectors": np.zeros((1, 2), np.float32)})
    monkeypatch.setattr(FedDMF, "combine", lambda *_: Outcome(None, dict.fromkeys(PARTIES, bad), {}))
    play(lambda table: all_fail(table, PayloadError))


class Disk:
    """A keeper in memory; `full`: it refuses rounds; `due`: how often it still wants the state."""

    def __init__(self, *, full: bool = False, due: int = 0) -> None:
        self.full, self.due = full, due
        self.rounds: list[Collected] = []
        self.states: dict[int, Arrays] = {}

    @property
    def is_due(self) -> bool:
        """Whether a state is wanted."""
        return self.due > 0

    async def keep_state(self, position: int, state: Arrays) -> None:
        """Keep a state."""
        self.due -= 1
        self.states[position] = state

    async def keep_round(self, collected: Collected) -> None:
        """Keep a round, unless there is no room."""
        await asyncio.sleep(0)
        if self.full:
            raise LocalResourceError("no space left")
        self.rounds.append(collected)


def test_a_round_that_cannot_be_kept_stays_open() -> None:
    """Nobody is told that it is over; once there is room, who comes again closes it for everybody."""
    disk, calls = Disk(full=True), list[RoundRecord]()

    async def scenario(table: RoundTable) -> None:
        exchanges = [table.exchange(party, "align", 0, give()) for party in PARTIES]
        told = await asyncio.gather(*exchanges, return_exceptions=True)
        assert [type(each) for each in told] == [LocalResourceError] * 3
        assert (table.current[1], table.missing, table.failure) == (0, (), None)
        assert str(table.refusal) == "no space left"
        disk.full = False
        first = await table.exchange("bolt", "align", 0, give())
        assert (table.current[1], table.refusal) == (1, None)
        assert len((await table.exchange("acme", "align", 0, give())).payload) > 0
        assert first.payload["pairs"][0, 0] > 0

    play(scenario, keeper=disk, on_round=calls.append)
    assert [each.position for each in disk.rounds] == [0]
    assert len(calls) == 1


def test_a_round_is_kept_before_anybody_is_answered() -> None:
    """With all contributions in the order of the roster; the state is that from before the round."""
    disk = Disk(due=1)

    async def scenario(table: RoundTable) -> None:
        for place, (phase, number) in enumerate(ROUNDS):
            await everybody(table, phase, number)
            kept = disk.rounds[place]
            assert (kept.position, kept.phase, kept.number) == (place, phase, number)
            assert tuple(kept.contributions) == PARTIES
        assert list(disk.states) == [0]

    play(scenario, keeper=disk)


@pytest.mark.parametrize("due", [0, 1, 2])
def test_another_table_goes_on_with_what_was_kept(due: int) -> None:
    """From the first round, or from a state; the last round can be asked again, and gives the same bytes."""
    disk = Disk(due=due)

    async def scenario(table: RoundTable) -> None:
        replies = [await everybody(table, phase, number) for phase, number in ROUNDS[:2]]
        again = make_table()
        if disk.states:
            position = max(disk.states)
            again.restore(position, disk.states[position])
        for kept in disk.rounds[again.position :]:
            await again.replay(kept.contributions)
        assert (again.position, again.missing) == (2, PARTIES)
        asked = await again.exchange("bolt", "align", 1, give(turn=1))
        assert asked.payload.sha256() == replies[1]["bolt"].payload.sha256()
        with pytest.raises(Misconduct, match="bolt sent two different contributions"):
            await again.exchange("bolt", "align", 1, give(turn=2))

    play(scenario, keeper=disk)


def test_a_table_that_is_left_answers_nobody() -> None:
    """Who waits and who comes later are told to come again, and the run has not failed."""
    stopping = LocalResourceError("stopping")

    async def scenario(table: RoundTable) -> None:
        waiting = asyncio.create_task(table.exchange("acme", "align", 0, give()))
        await asyncio.sleep(0)
        table.interrupt(stopping)
        for asked in (waiting, table.exchange("bolt", "align", 0, give())):
            with pytest.raises(LocalResourceError) as caught:
                await asked
            assert caught.value is stopping
        assert (table.failure, table.finished.is_set()) == (None, False)

    play(scenario)


def test_a_round_that_fails_is_not_saved_by_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the contributions is said at once."""

    def refuse(*_: object) -> Outcome:
        raise RunFailed("no agreement")

    monkeypatch.setattr(FedDMF, "combine", refuse)
    play(lambda table: all_fail(table, RunFailed), keeper=Disk(full=True))


def test_a_defect_reaches_everybody() -> None:
    """Even an error that nobody foresaw leaves no party waiting for ever."""

    def broken(_: RoundRecord) -> None:
        raise ZeroDivisionError("oops")

    async def scenario(table: RoundTable) -> None:
        found = await all_fail(table, Exception)
        assert [type(each) for each in found] == [ZeroDivisionError] * 3
        assert isinstance(table.failure, FedDMFError)
        assert "internal error in align 0: ZeroDivisionError: oops" in table.failure.message

    play(scenario, on_round=broken)


def test_row_counts_are_each_partys_own() -> None:
    """The table checks contributions against the rows that it derived, not against what a party says."""
    sizes = RUN.rows.sizes("acme")
    assert (sizes[Axis.MATCHED_ITEMS], sizes[Axis.ALIGNED_ITEMS], sizes[Axis.HIDDEN_ITEMS]) == (3, 3, 0)


def quorum_table(**settings: Any) -> RoundTable:
    """Return a table of three that add up, two rounds and the close, which two can do with."""
    run = small_run(
        3,
        shared=3,
        own=1,
        each=2,
        protocol="fcf",
        fcf={"method": "adam", "rank": 2, "rounds": 2},
        waits={"quorum": 2},
    )
    return RoundTable(protocol_for("fcf"), run.plan, run.rows, quorum=2, **settings)


def sums(phase: str, loss: float = 1.0) -> Payload:
    """Return a contribution to a round of sums."""
    scalar = {"loss": np.array([[loss]])}
    return Payload(scalar if phase == "close" else {"gradient": np.ones((3, 2)), **scalar})


async def closed_by(table: RoundTable, *parties: str) -> list[Reply]:
    """Close the open round with some."""
    phase, number = table.current
    tasks = [
        asyncio.create_task(table.exchange(party, phase.name, number, sums(phase.name))) for party in parties
    ]
    await asyncio.sleep(0)
    table.close_without_missing()
    return await asyncio.gather(*tasks)


def test_a_quorum_is_waited_for_and_then_counts_alone() -> None:
    """One party is too few; with two the round is closed, and said to be theirs."""
    records: list[RoundRecord] = []

    async def scenario() -> None:
        table = quorum_table(on_round=records.append)
        first = asyncio.create_task(table.exchange("acme", "items", 0, sums("items")))
        await asyncio.sleep(0)
        table.close_without_missing()
        await asyncio.sleep(0.01)
        assert (table.has_quorum, first.done(), table.missing) == (False, False, ("bolt", "cargo"))
        second = asyncio.create_task(table.exchange("cargo", "items", 0, sums("items")))
        await asyncio.sleep(0)
        assert table.has_quorum
        table.close_without_missing()
        replies = await asyncio.gather(first, second)
        assert [reply.next_round for reply in replies] == [None, None]
        assert (table.position, table.has_quorum) == (1, False)

    asyncio.run(asyncio.wait_for(scenario(), 10))
    (record,) = records
    assert record.diagnostics["counted"] == ["acme", "cargo"]
    assert record.diagnostics["objective"] == pytest.approx(2 * LOSS_UNIT, rel=1e-4)
    assert (record.bytes_up, record.bytes_down) == (2 * (6 * 8 + 8), 2 * 6 * 8)


def test_who_is_late_gets_the_last_reply_and_the_round_to_go_on_with() -> None:
    """By a round, by several, and when the run is over; what it sends then is not counted."""

    async def scenario() -> None:
        table = quorum_table()
        told, _ = await closed_by(table, "acme", "cargo")
        late = await table.exchange("bolt", "items", 0, sums("items", loss=7.0))
        assert (late.payload.sha256(), late.next_round) == (told.payload.sha256(), None)
        # Nothing of it was kept, so that it may be another one.
        await table.exchange("bolt", "items", 0, sums("items", loss=8.0))
        last, _ = await closed_by(table, "acme", "cargo")
        late = await table.exchange("bolt", "items", 0, sums("items"))
        assert (late.payload.sha256(), late.next_round) == (last.payload.sha256(), ("close", 0))
        assert [reply.done for reply in await closed_by(table, "acme", "cargo")] == [True, True]
        late = await table.exchange("bolt", "items", 0, sums("items"))
        assert (late.payload.sha256(), late.next_round) == (last.payload.sha256(), ("close", 0))
        late = await table.exchange("bolt", "close", 0, sums("close"))
        assert (len(late.payload), late.done, late.next_round) == (0, True, None)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_who_was_counted_is_held_to_what_it_sent() -> None:
    """As in a run that waits for everybody; and a round that is not open yet is nobody's."""

    async def scenario() -> None:
        table = quorum_table()
        await closed_by(table, "acme", "cargo")
        with pytest.raises(RunFailed, match="is not the open round"):
            await table.exchange("bolt", "close", 0, sums("close"))
        with pytest.raises(Misconduct, match="acme sent two different contributions"):
            await table.exchange("acme", "items", 0, sums("items", loss=2.0))

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_all_of_a_run_with_a_quorum_close_a_round_at_once() -> None:
    """Nobody has to call for it; who comes while it is computed is told like the others."""

    async def scenario() -> None:
        table = quorum_table()
        replies = await asyncio.gather(
            *(table.exchange(party, "items", 0, sums("items")) for party in PARTIES)
        )
        assert (len(replies), table.position) == (3, 1)
        some = asyncio.create_task(closed_by(table, "acme", "cargo"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        late = await table.exchange("bolt", "items", 1, sums("items"))
        (told, _) = await some
        assert (late.payload.sha256(), late.next_round) == (told.payload.sha256(), None)

    asyncio.run(asyncio.wait_for(scenario(), 10))
