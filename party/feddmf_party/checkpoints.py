"""What a party keeps of a run on the way, so that a node that died goes on where it was, bit for bit.

Each reply is kept as soon as it is there, the member's state now and then. A node that comes back takes the
last state and works through the replies that came after it, with nobody's help: steps are addressed by
number, so they give what they gave before.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from feddmf.errors import InputError, RunFailed
from feddmf.files import explain_os_error, read_bytes, read_text, replacing, write_text
from feddmf.members.base import Arrays, Reply
from feddmf.payload import DType, Payload
from feddmf_party.arrays_file import packed, unpacked

__all__ = ["Checkpoints", "Resumption", "unfinished_runs"]

_FOLDER = "checkpoint"
_PRIVATE = 0o600
_BROKEN = "the run cannot be gone on with here; remove the folder and ask the operator to submit it again"
_NUMBERED = re.compile(r"(reply|state)-(\d{6})\.checked")
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEAD_SIZE_BYTES = 4


@dataclass(frozen=True)
class Resumption:
    """Where to go on: the first exchange that is not in the state, the reply before it, and the state.

    All empty for a run from its start.
    """

    position: int = 0
    reply: Reply | None = None
    state: Arrays | None = None


class Checkpoints:
    """The folder `checkpoint` of one run; `every_s` seconds lie between two states at least."""

    def __init__(self, run: Path, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = run / _FOLDER
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
        states = self._numbers("state")
        if not states:
            return Resumption()
        position = states[-1]
        reply = self.reply(position - 1)
        if reply is None and position:
            raise InputError(f"{self._file('reply', position - 1)} is missing", hint=_BROKEN)
        return Resumption(position, reply, _read(self._file("state", position)))

    def reply(self, position: int) -> Reply | None:
        """Return what the exchange at `position` was answered with; None where no answer was kept."""
        if not self.has_reply(position):
            return None
        return _read_reply(self._file("reply", position))

    def has_reply(self, position: int) -> bool:
        """Tell whether the answer to the exchange at `position` was kept."""
        return self._file("reply", position).is_file()

    def keep_reply(self, position: int, reply: Reply) -> None:
        """Keep a reply, durable on return."""
        shapes = [(name, array.dtype.name, *array.shape) for name, array in reply.payload.items()]
        head = json.dumps({"arrays": shapes, "done": reply.done}).encode()
        # As it arrived, behind the digest that it was checked by: it is neither copied nor hashed again.
        digest = _digest_of_reply(head, reply.payload)
        size = len(head).to_bytes(_HEAD_SIZE_BYTES, "little")
        _write(self._file("reply", position), digest, size, head, *reply.payload.buffers())

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state again."""
        return self._clock() - self._saved >= self._every_s

    def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state before the contribution at `position`; forget what lies before its reply."""
        whole = packed(state)
        _write(self._file("state", position), hashlib.sha256(whole).digest(), whole)
        self._saved = self._clock()
        with explain_os_error(self._path):
            for kind, first in (("reply", position - 1), ("state", position)):
                for number in self._numbers(kind):
                    if number < first:
                        self._file(kind, number).unlink()

    def remove(self) -> None:
        """Forget the run; call it where it has ended, and been kept whole if it finished."""
        with explain_os_error(self._path):
            # The head goes first: without it nothing of the rest counts.
            (self._path / "run.json").unlink(missing_ok=True)
            if self._path.exists():
                shutil.rmtree(self._path)

    def _file(self, kind: str, position: int) -> Path:
        return self._path / f"{kind}-{position:06d}.checked"

    def _numbers(self, kind: str) -> list[int]:
        found = (_NUMBERED.fullmatch(path.name) for path in self._path.glob(f"{kind}-*"))
        return sorted(int(match[2]) for match in found if match)


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


def _write(path: Path, *parts: bytes | memoryview) -> None:
    """Write a SHA-256 and what it is of: a flipped bit must not become another model."""
    with replacing(path, mode=_PRIVATE) as beside, beside.open("wb") as file:
        for part in parts:
            file.write(part)


def _digest_of_reply(head: bytes, payload: Payload) -> bytes:
    return hashlib.sha256(head + payload.sha256()).digest()


def _read_reply(path: Path) -> Reply:
    content = read_bytes(path, what="a checkpoint", hint=_BROKEN)
    start = _DIGEST_BYTES + _HEAD_SIZE_BYTES
    at = start + int.from_bytes(content[_DIGEST_BYTES:start], "little")
    head, arrays = content[start:at], {}
    try:
        said = json.loads(head)
        for name, dtype, *shape in said["arrays"]:
            # A copy, for what follows in the file lies at any address.
            flat = np.frombuffer(content, DType(dtype).numpy, math.prod(shape), at).copy()
            arrays[str(name)] = flat.reshape(shape)
            at += flat.nbytes
        reply = Reply(Payload(arrays), bool(said["done"]))
        is_whole = _digest_of_reply(head, reply.payload) == content[:_DIGEST_BYTES]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is damaged", hint=_BROKEN) from error
    if not is_whole or at != len(content):
        raise InputError(f"{path} is damaged", hint=_BROKEN)
    return reply


def _read(path: Path) -> Arrays:
    content = read_bytes(path, what="a checkpoint", hint=_BROKEN)
    whole = content[_DIGEST_BYTES:]
    if hashlib.sha256(whole).digest() != content[:_DIGEST_BYTES]:
        raise InputError(f"{path} is damaged", hint=_BROKEN)
    return unpacked(whole, path, hint=_BROKEN)


def unfinished_runs(runs: Path) -> list[str]:
    """Return the ids of runs that were begun under `runs` and have not ended, as far as is known here.

    What a removal that was cut short has left is removed.
    """
    for left in runs.glob(f"*/{_FOLDER}"):
        if not (left / "run.json").is_file():
            Checkpoints(left.parent, every_s=0).remove()
    return sorted(path.parent.parent.name for path in runs.glob(f"*/{_FOLDER}/run.json"))
