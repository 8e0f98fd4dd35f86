"""How runs end without being finished, in words that parties and the operator read."""

from __future__ import annotations

from collections.abc import Sequence

from feddmf.errors import LocalResourceError, PartyMissing, RunFailed

__all__ = ["broken", "lost", "missing", "stopped", "stopping", "unkept"]

_AGAIN = "submit the run again"


def broken() -> RunFailed:
    """Return the end by a defect of ours: the log has it, and nobody else is shown its insides."""
    return RunFailed("an internal error of the coordinator; its log says more", hint=_AGAIN)


def lost(why: str, hint: str) -> RunFailed:
    """Return the end of a run that an earlier process left, and of which something is gone."""
    return RunFailed(f"the coordinator cannot go on with the run: {why}", hint=hint)


def unkept(refusal: LocalResourceError, limit_s: float) -> RunFailed:
    """Return the end of a run whose round a disk has refused for too long."""
    return RunFailed(
        f"the coordinator could not keep a round for {limit_s:g} s: {refusal.message}", hint=refusal.hint
    )


def stopping() -> LocalResourceError:
    """Return what parties are told while the process ends: the run is no worse for it."""
    return LocalResourceError(
        "the coordinator is being stopped; the run goes on when it is started again",
        hint="start it again: feddmf coordinator start",
    )


def stopped() -> RunFailed:
    """Return the end by `feddmf run stop`."""
    return RunFailed("the operator stopped the run")


def missing(parties: Sequence[str], why: str, what: str) -> PartyMissing:
    """Return the end of a wait for `what` of `parties`."""
    names = " and ".join(parties)
    is_, its = ("is", "its") if len(parties) == 1 else ("are", "their")
    return PartyMissing(
        tuple(parties),
        f"{names} {is_} missing: {why}; the run waits for {its} {what}",
        hint=f"look at the node of {names}, start it again (feddmf party start) and submit the run again",
    )
