"""Every error that a user can meet, each with a hint and the exit code of its kind.

FedDMFError                 5  internal: a defect of ours
|-- InputError              4  bad arguments or input
|   |-- ConfigError            a settings file
|   |-- DataError              an interaction or user table
|   |-- CatalogueError         the catalogue, its digest, an item key
|   `-- PayloadError           arrays outside their declared schema
|-- PolicyError             4  a run or release that the party's own policy does not allow
|-- RunFailed               1  a run that ended without publishing
|   `-- Misconduct             ... because of what one party sent
|-- ConnectError            2  cannot connect
|   `-- Refused                not authorised
|-- TimedOut                3  a bounded wait ended
|   `-- PartyMissing           ... with somebody missing
`-- LocalResourceError      6  disk, port, lock
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "CatalogueError",
    "ConfigError",
    "ConnectError",
    "DataError",
    "FedDMFError",
    "InputError",
    "LocalResourceError",
    "Misconduct",
    "PartyMissing",
    "PayloadError",
    "PolicyError",
    "Refused",
    "RunFailed",
    "TimedOut",
]


class FedDMFError(Exception):
    """Base of all: `message` says what and where, `hint` says what to do next."""

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, Any]:
        """Return the error as the JSON envelope shows it."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class InputError(FedDMFError):
    """Arguments or input that cannot be used as they are."""

    exit_code = 4


class ConfigError(InputError):
    """A settings file with a missing, unknown or ill-typed key."""


class DataError(InputError):
    """A table with a missing column, no rows, or a value that cannot be used."""


class CatalogueError(InputError):
    """A catalogue, digest or item key that does not hold."""


class PayloadError(InputError):
    """Arrays that differ from what the phase declares."""


class PolicyError(FedDMFError):
    """Something that the party's own policy does not allow."""

    exit_code = 4


class RunFailed(FedDMFError):  # noqa: N818  (reads as the state of the run)
    """A run that ended without publishing."""

    exit_code = 1


class Misconduct(RunFailed):
    """A run that failed because of what `party` sent."""

    def __init__(self, party: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.party = party


class ConnectError(FedDMFError):
    """The other end cannot be reached."""

    exit_code = 2


class Refused(ConnectError):  # noqa: N818  (reads as what happened)
    """The other end does not accept this identity."""


class TimedOut(FedDMFError):  # noqa: N818  (reads as what happened)
    """A bounded wait that ended before what it waited for came."""

    exit_code = 3


class PartyMissing(TimedOut):
    """A bounded wait for `parties`, who did not come."""

    def __init__(self, parties: tuple[str, ...], message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.parties = parties


class LocalResourceError(FedDMFError):
    """This machine's disk, port or lock."""

    exit_code = 6
