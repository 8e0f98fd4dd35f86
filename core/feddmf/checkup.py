"""A check-up of one side's set-up: a finding a check, in order or with what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from feddmf.errors import FedDMFError
from feddmf.progress import NOBODY, Progress

__all__ = ["Checkup", "Finding", "Standing"]

Found = TypeVar("Found")

_LOOKED_AT = "things looked at"


class Standing(enum.StrEnum):
    """How a check ended; SKIPPED where what it rests on is broken already."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found: in words, with what to do, and the error that a command would have ended with."""

    check: str
    standing: Standing
    text: str
    hint: str = ""
    error: FedDMFError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        kind = None if self.error is None else type(self.error).__name__
        said = {"check": self.check, "standing": self.standing.value, "text": self.text, "hint": self.hint}
        return {**said, "kind": kind}


class Checkup:
    """Findings in the order of the checks, which go from what everything rests on to what rests on it.

    progress: hears how many there are.
    """

    def __init__(self, progress: Progress = NOBODY) -> None:
        self.findings: list[Finding] = []
        self.progress = progress
        progress.show(0, None, _LOOKED_AT)

    def ok(self, check: str, text: str) -> None:
        """Note that a check found nothing to mend."""
        self._add(Finding(check, Standing.OK, text))

    def note(self, check: str, text: str, *, hint: str = "") -> None:
        """Note what stops nothing now, and is worth a look."""
        self._add(Finding(check, Standing.NOTE, text, hint))

    def problem(self, check: str, error: FedDMFError) -> None:
        """Note what has to be mended."""
        self._add(Finding(check, Standing.PROBLEM, error.message, error.hint, error))

    def skip(self, *checks: str, until: str) -> None:
        """Note checks that tell nothing before something else is mended."""
        for check in checks:
            self._add(Finding(check, Standing.SKIPPED, f"not looked at: {until}"))

    def look(
        self, check: str, read: Callable[[], Found], told: Callable[[Found], str] | None = None
    ) -> Found | None:
        """Return what `read` does; note how `told` puts it, where it is given, or what is wrong: None."""
        try:
            found = read()
        except FedDMFError as error:
            self.problem(check, error)
            return None
        if told is not None:
            self.ok(check, told(found))
        return found

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.progress.show(len(self.findings), None, _LOOKED_AT)

    @property
    def problems(self) -> list[Finding]:
        """What has to be mended, what the rest rests on first."""
        return [finding for finding in self.findings if finding.standing is Standing.PROBLEM]

    @property
    def exit_code(self) -> int:
        """0 without problems, else that of the first one."""
        first = next(iter(self.problems), None)
        return 0 if first is None or first.error is None else first.error.exit_code
