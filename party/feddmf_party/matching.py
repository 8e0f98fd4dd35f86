"""A matching with one peer: which items both have, and nothing else of either learned by anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from feddmf.errors import CatalogueError, ConnectError, InputError, PolicyError
from feddmf.files import explain_os_error, read_text, write_text
from feddmf.ledger import items_digest
from feddmf.matching import (
    POINTS,
    Blinding,
    Points,
    Step,
    check_first,
    check_second,
    common_keys,
    matching_domain,
)
from feddmf.payload import Payload
from feddmf.progress import NOBODY, Progress, Tally
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.egress import ClearedPoints
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.points_gate import PointsGate

__all__ = ["Found", "Matcher", "Relay", "check_version"]

_NAME = POINTS.arrays[0].name
_DIGEST_LETTERS = 16


class Relay(Protocol):
    """What carries points to the peer and back; the federation's client is one."""

    async def match(self, points: ClearedPoints, *, most: int, wait_s: float) -> Payload:
        """Send points, wait for those of the peer's same step, return these."""
        ...

    async def match_taken(self, peer: str, version: int) -> None:
        """Say that the peer's points need not be kept."""
        ...


@dataclass(frozen=True)
class Found:
    """What a matching found: the keys in common, of so many `own` and so many `theirs`."""

    peer: str
    version: int
    own: int
    theirs: int
    common: tuple[str, ...]


@dataclass(frozen=True)
class Matcher:
    """Matches `keys` with those of `peer`; `progress` hears how many points are blinded.

    The secret number lies in the party's folder until the matching is over, so that a command that died goes
    on with the same bytes: the peer gets no second answer, and so no second guess.
    """

    folder: PartyFolder
    federation: str
    party: str
    peer: str
    keys: Sequence[str]
    progress: Progress = NOBODY

    def check(self) -> None:
        """Raise PolicyError where the policy is against matching so many items with anybody."""
        self._gate(0).check(len(self.keys))

    def begun_version(self) -> int | None:
        """Return the version of a matching with the peer that has been answered and is not over, if any."""
        return max((v for v in self._versions() if self._gate(v).answered), default=None)

    async def find(self, relay: Relay, version: int, *, wait_s: float) -> Found:
        """Match under a catalogue version; wait so long for the peer's part in each of the two steps.

        Raises PolicyError where the policy or an earlier matching is against it, PayloadError for points of
        the peer that cannot be, TimedOut where it does not come; then running it again goes on.
        """
        gate = self._gate(version)
        state = self._state(version)
        if gate.answered and not state.exists():
            raise PolicyError(
                f"{self.party} has matched with {self.peer} under catalogue version {version} already: with "
                "other items one more matching would let the peer test more guesses",
                hint="use the file of the first time, or match again after the next catalogue version",
            )
        blinding = _kept_blinding(state)
        domain = matching_domain(self.federation, (self.party, self.peer), version)
        tally = Tally(self.progress, len(self.keys), "own points blinded")
        hidden = await asyncio.to_thread(blinding.hide, self.keys, domain, tally.add)
        theirs = await self._exchange(relay, gate, Step.HIDE, hidden.points, wait_s)
        check_first(theirs, hidden.points)
        tally = Tally(self.progress, len(theirs), f"points of {self.peer} blinded again")
        again = await asyncio.to_thread(blinding.hide_again, theirs, tally.add)
        back = await self._exchange(relay, gate, Step.ANSWER, again, wait_s)
        check_second(back, len(hidden.keys))
        common = common_keys(hidden.keys, back, again)
        return Found(self.peer, version, len(hidden.keys), len(theirs), common)

    async def finish(self, relay: Relay, version: int) -> None:
        """Forget the secret number, and any before it, and let the coordinator forget the peer's points.

        One that cannot be told forgets them by itself.
        """
        for earlier in self._versions():
            for state in self._states(earlier) if earlier <= version else ():
                with explain_os_error(state):
                    state.unlink()
        with suppress(ConnectError):
            await relay.match_taken(self.peer, version)

    async def _exchange(
        self, relay: Relay, gate: PointsGate, step: Step, points: Points, wait_s: float
    ) -> Points:
        cleared = gate.clear(step, Payload({_NAME: points}))
        answer: Points = (await relay.match(cleared, most=gate.most, wait_s=wait_s))[_NAME]
        return answer

    def _gate(self, version: int) -> PointsGate:
        return PointsGate(self.folder.policy(), LedgerFile(self.folder.ledger), self.peer, version)

    def _state(self, version: int) -> Path:
        # Other items have a number of their own: those of the first time can still go on.
        name = f"{self.peer}.v{version}.{items_digest(sorted(self.keys))[:_DIGEST_LETTERS]}.json"
        return self.folder.matchings / name

    def _states(self, version: int) -> list[Path]:
        return sorted(self.folder.matchings.glob(f"{self.peer}.v{version}.*.json"))

    def _versions(self) -> list[int]:
        names = (path.name.split(".") for path in self.folder.matchings.glob(f"{self.peer}.v*.*.json"))
        return sorted({int(name[1][1:]) for name in names if name[1][1:].isdigit()})


def check_version(views: AcceptedViews, version: int) -> None:
    """Raise CatalogueError where the coordinator names an older version than the party has accepted."""
    accepted = max(views.versions(), default=0)
    if version < accepted:
        raise CatalogueError(
            f"the coordinator says that version {version} is the latest, and {views.party} has accepted "
            f"{accepted}",
            hint="do not go on; ask the operator what happened to its database",
        )


def _kept_blinding(state: Path) -> Blinding:
    """Return the blinding that `state` keeps, or keep a fresh one there."""
    if not state.exists():
        blinding = Blinding()
        write_text(state, json.dumps({"secret": f"{blinding.secret:x}"}) + "\n", mode=0o600)
        return blinding
    text = read_text(state, what="the matching", hint="restore it from a backup")
    try:
        return Blinding(int(json.loads(text)["secret"], 16))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{state} is not what a matching left", hint="restore it from a backup, or remove it"
        ) from error
