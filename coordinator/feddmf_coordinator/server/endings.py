"""How runs end without being finished, in words that parties and the operator read."""

from __future__ import annotations

from collections.abc import Sequence

from feddmf.errors import PartyMissing, RunFailed

__all__ = ["broken", "interrupted", "missing", "shut_down", "stopped"]

_AGAIN = "submit the run again"


def broken() -> RunFailed:
    """Return the end by a defect of ours: the log has it, and nobody else is shown its insides."""
    return RunFailed("an internal error of the coordinator; its log says more", hint=_AGAIN)


def shut_down() -> RunFailed:
    """Return the end by the operator's ending of the process."""
    return RunFailed("the coordinator was shut down in the middle of the run", hint=_AGAIN)


def interrupted() -> RunFailed:
    """Return the end that an earlier process could not write."""
    return RunFailed("the coordinator ended in the middle of the run", hint=_AGAIN)


def stopped() -> RunFailed:
    """Return the end by `feddmf run stop`."""
    return RunFailed("the operator stopped the run")


def missing(parties: Sequence[str], why: str, what: str) -> PartyMissing:
    """Return the end of a wait for `what` of `parties`."""
    names = " and ".join(parties)
    return PartyMissing(
        tuple(parties),
        f"{names} is missing: {why}; the run waits for its {what}",
        hint=f"look at the node of {names}, start it again (feddmf party start) and submit the run again",
    )
