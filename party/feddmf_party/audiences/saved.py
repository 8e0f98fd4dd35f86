"""Audiences saved under a name: which users are wanted, of which run, where to cut; no user id among it."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from feddmf.config import Settings
from feddmf.errors import FedDMFError, InputError
from feddmf.files import explain_os_error, make_folder, read_bytes, write_text
from feddmf.locks import only_one
from feddmf_party.criteria import Criteria
from feddmf_party.questions import Audience, Questions
from feddmf_party.wanted import Wanted

__all__ = ["AudienceStore", "Cut", "SavedAudience", "draw", "save"]

_PRIVATE = 0o600
# No dot in it: NAME.json is a file of NAME alone.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MEND = "restore it from a backup, or remove the file and save the audience again"


class Cut(Settings):
    """Where the ranking of an audience ends; by the usual size where nothing is said."""

    size: int | None = Field(None, ge=1)
    above: float | None = Field(None, ge=0, le=1)
    threshold: bool = False

    @model_validator(mode="after")
    def _once(self) -> Cut:
        if (self.size is not None) + (self.above is not None) + self.threshold > 1:
            raise InputError(
                "size, above and threshold each cut the ranking", hint="give one of them, or none"
            )
        return self

    def describe(self) -> str:
        """Return it in words."""
        if self.threshold:
            return "above the threshold"
        return f"above {self.above:g}" if self.above is not None else f"{self.size or 'the usual'} users"


class SavedAudience(Settings):
    """What is kept of an audience; its users are found again whenever they are wanted.

    users, expected: how many they were when it was saved, and what was to be expected of them.
    """

    name: str
    run: str
    criteria: Criteria
    owner: str | None
    anyway: bool
    cut: Cut
    created_at: AwareDatetime
    created_by: str
    expected: dict[str, Any] | None
    users: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**self.model_dump(mode="json"), "described": self.criteria.describe()}


class AudienceStore:
    """The saved audiences of one party; any number of threads may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def all(self) -> tuple[SavedAudience, ...]:
        """Return every saved audience, by name; InputError names a file that is damaged."""
        return tuple(map(_load, sorted(self._folder.glob("*.json"))))

    def readable(self) -> tuple[tuple[SavedAudience, ...], tuple[FedDMFError, ...]]:
        """Return every audience that can be read, by name, and what is wrong with other files."""
        found, damaged = [], []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(_load(path))
            except FedDMFError as error:
                damaged.append(error)
        return tuple(found), tuple(damaged)

    def find(self, name: str) -> SavedAudience:
        """Return one audience; InputError where none has that name."""
        path = self._path(name)
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in self._folder.glob("*.json"))[:10])
            raise InputError(
                f"no audience is saved as {name!r}",
                hint=f"saved: {known}" if known else "save one first: feddmf audiences save",
            )
        return _load(path)

    def check_free(self, name: str) -> None:
        """Raise InputError where a name cannot be given to an audience, or one has it."""
        if self._path(name).exists():
            raise InputError(
                f"an audience is saved as {name!r} already",
                hint=f"take another name, or remove it first: feddmf audiences remove {name}",
            )

    def add(self, audience: SavedAudience) -> None:
        """Keep an audience; InputError where its name is taken."""
        with self._changing():
            self.check_free(audience.name)
            content = json.dumps(audience.model_dump(mode="json"), indent=1, allow_nan=False)
            write_text(self._path(audience.name), content + "\n", mode=_PRIVATE)

    def remove(self, name: str) -> SavedAudience:
        """Forget an audience, and return what it was; InputError where none has that name."""
        with self._changing():
            found, path = self.find(name), self._path(name)
            with explain_os_error(path):
                path.unlink()
        return found

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot be the name of an audience",
                hint="take up to 64 lower-case letters, digits, hyphens and underscores",
            )
        return self._folder / f"{name}.json"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Wait for other threads; LocalResourceError where another process changes the audiences."""
        with self._lock:
            make_folder(self._folder)
            with only_one(self._folder / "changing.lock", doing="changing the audiences in"):
                yield


def save(
    store: AudienceStore,
    questions: Questions,
    name: str,
    criteria: Criteria,
    cut: Cut,
    *,
    by: str,
    owner: str | None = None,
    anyway: bool = False,
) -> SavedAudience:
    """Find an audience and keep it under `name`; by: who saves it.

    InputError where the name is taken, an attribute cannot be asked for, or the cut cannot be made.
    """
    store.check_free(name)
    wanted = questions.wanted(criteria, owner, anyway=anyway)
    found = questions.audience(wanted, cut.size, above=cut.above, threshold=cut.threshold)
    made = SavedAudience(
        name=name,
        run=questions.run,
        criteria=criteria,
        owner=owner,
        anyway=anyway,
        cut=cut,
        created_at=datetime.now(UTC).replace(microsecond=0),
        created_by=by,
        expected=None if found.expected is None else _numbers(found.expected.as_dict()),
        users=len(found.block.users),
    )
    store.add(made)
    return made


def draw(audience: SavedAudience, questions: Questions) -> tuple[Wanted, Audience]:
    """Return what is wanted of a saved audience, and its users found again, by the run it was saved for.

    InputError where an attribute can no longer be asked for.
    """
    wanted = questions.wanted(audience.criteria, audience.owner, anyway=audience.anyway)
    cut = audience.cut
    return wanted, questions.audience(wanted, cut.size, above=cut.above, threshold=cut.threshold)


def _load(path: Path) -> SavedAudience:
    content = read_bytes(path, what="the audience", hint=_MEND)
    try:
        found = SavedAudience.model_validate_json(content)
    except (ValidationError, InputError) as error:
        raise InputError(f"{path} is no saved audience", hint=_MEND) from error
    if found.name != path.stem:
        raise InputError(f"{path} is the audience {found.name!r}", hint=_MEND)
    return found


def _numbers(figures: Any) -> Any:
    """Return figures with None for what is no number."""
    if isinstance(figures, Mapping):
        return {name: _numbers(each) for name, each in figures.items()}
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures
