"""What a party keeps of a run on the way, so that a node that died goes on where it was, bit for bit.

Each reply is kept as soon as it is there, the member's state now and then. A node that comes back takes the
last state and works through the replies that came after it, with nobody's help: steps are addressed by
number, so they give what they gave before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from feddmf.checked_files import CheckedFiles
from feddmf.errors import InputError, RunFailed
from feddmf.files import explain_os_error, read_text, write_text
from feddmf.members.base import Arrays, Reply
from feddmf_party.arrays_file import packed, unpacked

__all__ = ["Checkpoints", "Resumption", "unfinished_runs"]

_FOLDER = "checkpoint"
_BROKEN = "the run cannot be gone on with here; remove the folder and ask the operator to submit it again"
_REPLY = "reply"
_STATE = "state"


@dataclass(frozen=True)
class Resumption:
    """Where to go on: the number of exchanges up to the state, the reply to the last of them, and the state.

    position: where the reply names no later round, the exchange to go on with. All empty for a run from its
    start.
    """

    position: int = 0
    reply: Reply | None = None
    state: Arrays | None = None


class Checkpoints:
    """The folder `checkpoint` of one run; `every_s` seconds lie between two states at least."""

    def __init__(self, run: Path, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = run / _FOLDER
        self._files = CheckedFiles(self._path, hint=_BROKEN)
        self._every_s = every_s
        self._clock = clock
        self._saved = clock()

    @property
    def exists(self) -> bool:
        """Whether the run was begun here and not kept whole."""
        return (self._path / "run.json").is_file()

    def begin(self, conditions: str) -> None:
        """Start anew. conditions: a digest of the plan, and of all that contributions depend on."""
        self.remove()
        said = {"conditions": conditions, "version": version("feddmf")}
        write_text(self._path / "run.json", json.dumps(said | {"sha256": _digest_of(said)}) + "\n")

    def check(self, conditions: str) -> None:
        """Raise RunFailed where what the contributions depend on has changed since `begin`."""
        before = _head(self._path / "run.json")
        if before["version"] != version("feddmf"):
            raise RunFailed(
                f"the run was begun by feddmf {before['version']}, and this is {version('feddmf')}",
                hint="finish a run with the version that began it, or let the operator submit it again",
            )
        if before["conditions"] != conditions:
            raise RunFailed(
                "the run cannot go on: the table of interactions or the plan is not what it was",
                hint="let the operator submit the run again",
            )

    def resumption(self) -> Resumption:
        """Return where to go on."""
        states = self._files.numbers(_STATE)
        if not states:
            return Resumption()
        position = states[-1]
        reply = self.reply(position - 1)
        if reply is None and position:
            raise self._files.missing(_REPLY, position - 1)
        whole = self._files.read(_STATE, position)
        return Resumption(position, reply, unpacked(whole, self._files.path(_STATE, position), hint=_BROKEN))

    def reply(self, position: int) -> Reply | None:
        """Return what the exchange at `position` was answered with; None where no answer was kept."""
        if not self.has_reply(position):
            return None
        said, payloads = self._files.read_payloads(_REPLY, position)
        try:
            after = said["next"]
            next_round = None if after is None else (str(after[0]), int(after[1]))
            return Reply(payloads[_REPLY], bool(said["done"]), next_round)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._files.damaged(_REPLY, position) from error

    def has_reply(self, position: int) -> bool:
        """Tell whether the answer to the exchange at `position` was kept."""
        return self._files.has(_REPLY, position)

    def keep_reply(self, position: int, reply: Reply) -> None:
        """Keep a reply, durable on return."""
        said = {"done": reply.done, "next": reply.next_round}
        self._files.write_payloads(_REPLY, position, said, {_REPLY: reply.payload})

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state again."""
        return self._clock() - self._saved >= self._every_s

    def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state after the exchange before `position`; forget what lies before its reply."""
        self._files.write(_STATE, position, packed(state))
        self._saved = self._clock()
        self._files.forget_before(_REPLY, position - 1)
        self._files.forget_before(_STATE, position)

    def remove(self) -> None:
        """Forget the run; call it where it has ended, and been kept whole if it finished."""
        with explain_os_error(self._path):
            # The head goes first: without it nothing of the rest counts.
            (self._path / "run.json").unlink(missing_ok=True)
        self._files.remove()


def _head(path: Path) -> dict[str, str]:
    """Return what `begin` wrote; InputError where it is not that."""
    try:
        said = json.loads(read_text(path, what="the checkpoint's head", hint=_BROKEN))
        told = {name: str(said[name]) for name in ("conditions", "version")}
        is_whole = said["sha256"] == _digest_of(told)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise InputError(f"{path} is damaged", hint=_BROKEN)
    return told


def _digest_of(said: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def unfinished_runs(runs: Path) -> list[str]:
    """Return the ids of runs that were begun under `runs` and have not ended, as far as is known here.

    What a removal that was cut short has left is removed.
    """
    for left in runs.glob(f"*/{_FOLDER}"):
        if not (left / "run.json").is_file():
            Checkpoints(left.parent, every_s=0).remove()
    return sorted(path.parent.parent.name for path in runs.glob(f"*/{_FOLDER}/run.json"))
