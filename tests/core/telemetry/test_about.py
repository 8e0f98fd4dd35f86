"""What a record is about goes with the task, and to whatever the task starts."""

from __future__ import annotations

import asyncio

from feddmf.telemetry.about import about, note


def test_tasks_do_not_hear_of_one_another() -> None:
    """Each run's task has its own; what a task starts, on a thread too, knows what it knew."""

    async def run(name: str) -> list[dict[str, str | int]]:
        note(run=name)
        note(round=3)
        found = [dict(about()), dict(await asyncio.to_thread(about))]
        note(round="", phase="train")
        return [*found, dict(about())]

    async def main() -> None:
        one, other = await asyncio.gather(run("r1"), run("r2"))
        assert one == [{"run": "r1", "round": 3}] * 2 + [{"run": "r1", "phase": "train"}]
        assert other[0]["run"] == "r2"
        assert about() == {}

    asyncio.run(main())


def test_a_round_with_number_0_is_one() -> None:
    """Only an empty name takes a field away; what is no field is none."""

    async def main() -> None:
        note(round=0, user="u1")
        assert about() == {"round": 0}

    asyncio.run(main())
