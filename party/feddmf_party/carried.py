"""What of a user lives on outside: releases of runs that learned from it, as the ledger has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from feddmf.ledger import PUBLISHING
from feddmf_party.forgetting import Erased
from feddmf_party.privacy_budget import Charge, charges_in
from feddmf_party.terms import moment

__all__ = ["Carried", "carried_by", "told_of"]

_OWN_FILES = (
    "not tracked: files of predictions and rankings that were written elsewhere (name them with --saved), "
    "backups, and what analysts took from answers"
)


@dataclass(frozen=True)
class Carried:
    """What left in one run, and to whom: parties, those beside the one that it left.

    first, last: when, as the ledger says; releases: how many; published: items; until: the day on which
    peers stop using these, "" where it was not said; withdrawn: "all", "some" or "none" of what was
    published; epsilon, delta: of the private release that everything follows from, None without one.
    """

    run: str
    purpose: str
    parties: tuple[str, ...]
    first: str
    last: str
    releases: int
    kinds: tuple[str, ...]
    published: int
    until: str
    withdrawn: str
    epsilon: float | None
    delta: float | None

    def __str__(self) -> str:
        count = "1 release" if self.releases == 1 else f"{self.releases} releases"
        what = f"run {self.run} ({self.purpose}) learned from them: {count}"
        what += f" ({', '.join(self.kinds)}) from {self.first[:10]} to {self.last[:10]}"
        what += f" went to the coordinator and {', '.join(self.parties) or 'its parties'}"
        if self.published:
            until = f" until {self.until}" if self.until else ""
            what += f"; {self.published} items' vectors are published{until}"
            what += {"all": ", and were taken back", "some": ", and some were taken back"}.get(
                self.withdrawn, ""
            )
        return what + (
            "; they bear the trace of every user, without a bound"
            if self.epsilon is None
            else f"; all of it follows from one release with epsilon {self.epsilon:g}, which bounds what "
            "it tells of any user"
        )


def told_of(erased: Erased, carried: Iterable[Carried]) -> list[str]:
    """Return what a person must know once users are forgotten here: what is left, where, and what to do."""
    lines = [
        f"user {user!r} is in nothing that was looked at; check that the id is written as in the tables. "
        "It is listed, so that no later load has it"
        for user in erased.strange
    ]
    for source, count in erased.still_in.items():
        if count is None:
            lines.append(f"{source} could not be read: see to it that it has them no more")
        elif count:
            lines.append(
                f"{source} still has {count} of them: every load leaves them out, but the table is your own "
                "to mend"
            )
    for each in carried:
        lines.append(str(each))
        if each.published and each.withdrawn != "all":
            lines.append(f"  to take it back: feddmf attributes withdraw --all --run {each.run} --reason ...")
    if erased.trained:
        lines.append(
            "the layers and item vectors of these runs' models stay; the next run trains without them: ask "
            "the operator for one"
        )
    return [*lines, _OWN_FILES]


def carried_by(
    records: Iterable[Mapping[str, Any]], runs: Collection[str], party: str
) -> tuple[Carried, ...]:
    """Return what left `party` in those of `runs` in which anything did, in the order of the ledger."""
    listed = [record for record in records if record.get("run") in runs]
    charges = {charge.run: charge for charge in charges_in(listed)}
    released = dict.fromkeys(str(each["run"]) for each in listed if each.get("event") == "release")
    return tuple(
        _carried([each for each in listed if each["run"] == run], run, party, charges.get(run))
        for run in released
    )


def _carried(records: list[Mapping[str, Any]], run: str, party: str, charge: Charge | None) -> Carried:
    joined: Mapping[str, Any] = next((each for each in records if each.get("event") == "join"), {})
    releases = [each for each in records if each.get("event") == "release"]
    # What was sent again after a restart is one release.
    places = {(each["phase"], each["round"]) for each in releases}
    published = [each for each in releases if each["phase"] == PUBLISHING]
    taken = [each for each in records if each.get("event") == "withdrawal"]
    count = int(published[-1]["arrays"][0]["shape"][0]) if published else 0
    ends = int(published[-1].get("expires_ms", 0)) if published else 0
    return Carried(
        run=run,
        purpose=str(joined.get("purpose", "")),
        parties=tuple(each for each in joined.get("parties", ()) if each != party),
        first=str(releases[0]["at"]),
        last=str(releases[-1]["at"]),
        releases=len(places),
        kinds=tuple(dict.fromkeys(array["kind"] for each in releases for array in each["arrays"])),
        published=count,
        until=f"{moment(ends):%Y-%m-%d}" if ends else "",
        withdrawn="none" if not taken else "all" if any(not each["count"] for each in taken) else "some",
        epsilon=None if charge is None else charge.terms.epsilon,
        delta=None if charge is None else charge.terms.delta,
    )
