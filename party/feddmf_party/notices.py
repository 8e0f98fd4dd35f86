"""What a party's people should know before it hurts: dates that are near or past, what peers took back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from feddmf.errors import FedDMFError, Refused
from feddmf.locks import is_held
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles, diagnose
from feddmf_party.terms import Terms

__all__ = ["Notice", "notices_of", "notices_of_terms"]

_SOON = timedelta(days=14)
_NEW_RUN = "ask the operator for a new run, in which peers publish again"


@dataclass(frozen=True)
class Notice:
    """Something to know, and what to do; urgent: whether something does not work already."""

    text: str
    to_do: str
    urgent: bool


def notices_of(folder: PartyFolder, now: datetime | None = None) -> tuple[Notice, ...]:
    """Return what to know of a party's certificate and node, by its folder's files alone."""
    return tuple(_of_identity(folder, now or datetime.now(UTC)))


def notices_of_terms(terms: Terms, now: datetime | None = None) -> tuple[Notice, ...]:
    """Return what to know of peers' vectors of one run: ending soon, ended, or taken back."""
    at = now or datetime.now(UTC)
    return (*_endings(terms, at), *_withdrawals(terms))


def _of_identity(folder: PartyFolder, now: datetime) -> Iterator[Notice]:
    problems = diagnose(folder.path, now=now)
    for problem in problems:
        no_run = "; until then this company takes part in no run" if isinstance(problem, Refused) else ""
        yield Notice(problem.message, f"{problem.hint}{no_run}", urgent=True)
    if problems:
        return
    end = _certificate_end(folder)
    if end is not None and end - now < _SOON:
        yield Notice(
            f"The certificate of this company ends on {end:%Y-%m-%d}",
            "keep the node running, which renews it by itself; feddmf doctor says why it did not",
            urgent=False,
        )
    if not is_held(folder.lock):
        yield Notice(
            "No node of this company is at work: it takes part in no run, and hears of nothing taken back",
            "start it: feddmf party start",
            urgent=False,
        )


def _certificate_end(folder: PartyFolder) -> datetime | None:
    try:
        return IdentityFiles(folder.path).load_pair()[1].not_valid_after_utc.astimezone(UTC)
    except FedDMFError:
        return None


def _endings(terms: Terms, now: datetime) -> Iterator[Notice]:
    for party in sorted(terms.until_ms):
        end = terms.ends(party)
        if end is None or end - now >= _SOON:
            continue
        if end <= now:
            text = f"What {party} published could be used until {end:%Y-%m-%d}: it answers no more"
        else:
            text = f"What {party} published may be used until {end:%Y-%m-%d}"
        yield Notice(text, _NEW_RUN, urgent=end <= now)


def _withdrawals(terms: Terms) -> Iterator[Notice]:
    for each in terms.withdrawals:
        taken = f"{len(each.keys)} of its attributes" if each.keys else "everything that it had published"
        said = f": {each.reason}" if each.reason else ""
        text = f"{each.party} took back {taken}{said}"
        yield Notice(text, "use other attributes; those cannot be asked for any more", urgent=False)
