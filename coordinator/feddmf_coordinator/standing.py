"""How a run stands: who is waited for and since when, what it came to, and what there is to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from feddmf.cli.counted import counted
from feddmf.cli.tables import utc
from feddmf.progress import duration
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.store.runs import Run, RunState, list_answers, list_runs
from feddmf_coordinator.store.sightings import GONE_AFTER, Sighting, Wait, find_wait, list_sightings

__all__ = ["RunStanding", "WaitedFor", "standing_of_run"]

_START = "start it, and the run goes on: feddmf coordinator start"


@dataclass(frozen=True)
class WaitedFor:
    """A party that a run waits for; online: whether it is heard from; hint: what to do about it."""

    party: str
    online: bool
    seen_at: datetime | None
    hint: str


@dataclass(frozen=True)
class RunStanding:
    """What to say of a run.

    text: how it stands, in a sentence; hint: what to do, "" for nothing; bad: whether it is stuck or has come
    to nothing; what: that it waits for; since, until: from when, and when it would fail for it if nothing
    more were heard, None where it goes on without; declined: why, by party that has said no.
    """

    text: str
    hint: str = ""
    bad: bool = False
    what: str = ""
    since: datetime | None = None
    until: datetime | None = None
    waits_for: tuple[WaitedFor, ...] = ()
    declined: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "text": self.text,
            "hint": self.hint,
            "bad": self.bad,
            "what": self.what or None,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "waits_for": [
                {
                    "party": each.party,
                    "online": each.online,
                    "seen_at": each.seen_at and each.seen_at.isoformat(),
                    "hint": each.hint,
                }
                for each in self.waits_for
            ],
            "declined": dict(self.declined or {}),
        }


def standing_of_run(
    connection: Connection, run: Run, limits: LimitSettings, *, serving: bool, now: datetime
) -> RunStanding:
    """Return how a run stands; serving: whether a coordinator serves."""
    if run.state.ended:
        return _ended(run, _declined(connection, run))
    if not serving:
        text = f"no coordinator serves, so the run stays {run.state.value}"
        return RunStanding(text, _START, bad=True)
    if run.stop_asked:
        return RunStanding("an operator has asked for its end; it stops within seconds")
    if run.state is RunState.SUBMITTED:
        return _queued(run, list_runs(connection, RunState.SUBMITTED, *RunState.under_way()), limits)
    wait = find_wait(connection, run.run)
    if wait is None:
        return RunStanding(f"it is {run.state.value}, and has just begun")
    return _waiting(run, wait, list_sightings(connection), now)


def _ended(run: Run, declined: Mapping[str, str]) -> RunStanding:
    when = utc(run.ended_at)
    if run.state is RunState.FINISHED:
        return RunStanding(f"it finished {when}; what was published can be fetched")
    if declined:
        told = "; ".join(f"{party} declined it: {reason}" for party, reason in declined.items())
        return RunStanding(f"it came to nothing {when}: {told}", run.hint, bad=True, declined=declined)
    return RunStanding(f"it {run.state.value} {when}: {run.reason}", run.hint, bad=True)


def _declined(connection: Connection, run: Run) -> dict[str, str]:
    answers = list_answers(connection, run.run)
    return {party: reason for party, (accepted, reason) in answers.items() if not accepted}


def _queued(run: Run, others: Sequence[Run], limits: LimitSettings) -> RunStanding:
    """Return what a submitted run waits for: earlier runs of its parties, or room among all."""
    place = [each.run for each in others].index(run.run)
    before = [each for each in others[:place] if not set(run.plan.roster).isdisjoint(each.plan.roster)]
    if before:
        named = ", ".join(each.run for each in before)
        return RunStanding(f"it waits for its turn, behind {named}", "a party is in one run at a time")
    under_way = sum(1 for each in others if each.state is not RunState.SUBMITTED)
    if under_way >= limits.runs:
        hint = f"at most {limits.runs} runs are under way at once: [limits] runs in coordinator.toml"
        return RunStanding(f"it waits for its turn, with {counted(under_way, 'run')} under way", hint)
    return RunStanding("it is submitted, and begins within seconds")


def _waiting(run: Run, wait: Wait, seen: Mapping[str, Sighting], now: datetime) -> RunStanding:
    so_far = duration(max(0.0, (now - wait.since).total_seconds()))
    if not wait.parties:
        return RunStanding(f"everything is there for {wait.what}, and is being computed with")
    parties = tuple(_waited_for(run, party, seen.get(party), wait, now) for party in wait.parties)
    away = [each for each in parties if not each.online]
    named = " and ".join(wait.parties)
    return RunStanding(
        f"it waits for {named}: {wait.what}, for {so_far}; {_told_of_end(wait)}",
        next((each.hint for each in away), ""),
        bad=bool(away),
        what=wait.what,
        since=wait.since,
        until=_until(wait, seen),
        waits_for=parties,
    )


def _told_of_end(wait: Wait) -> str:
    """Return what becomes of the run where those whom it waits for do not come."""
    needed = len(wait.parties) - wait.spare
    if needed <= 0:
        return "it goes on without, as its quorum is there"
    whom = "it" if not wait.spare else f"at least {needed} of them"
    if wait.absent is None:
        return f"without {whom} the run fails {utc(wait.until)}"
    silence = duration(wait.absent.total_seconds())
    return f"without {whom} the run fails {utc(wait.until)}, and before that after {silence} of silence"


def _until(wait: Wait, seen: Mapping[str, Sighting]) -> datetime | None:
    """Return when the run fails where nothing more is heard; None where it goes on without."""
    if len(wait.parties) <= wait.spare:
        return None
    if wait.absent is None:
        return wait.until
    heard = sorted(seen[party].seen_at if party in seen else wait.since for party in wait.parties)
    return min(wait.until, heard[wait.spare] + wait.absent)


def _waited_for(run: Run, party: str, seen: Sighting | None, wait: Wait, now: datetime) -> WaitedFor:
    online = seen is not None and now - seen.seen_at < (wait.absent or GONE_AFTER)
    if not online:
        hint = f"ask {party} to look at its node: feddmf doctor, then feddmf party start"
    elif run.state is RunState.GATHERING:
        hint = f"its node decides by its policy.toml; ask {party} what the node's log says"
    elif run.state is RunState.PUBLISHING:
        hint = "its node publishes by itself once it has trained to the end"
    else:
        hint = f"its node is there, and trains or sends; nothing to do before {utc(wait.until)}"
    return WaitedFor(party, online, seen.seen_at if seen else None, hint)
