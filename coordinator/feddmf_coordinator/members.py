"""The parties as the operator sees them: who is there, what each has, and what it needs of whom."""

from __future__ import annotations

import enum
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection

from feddmf.cli.tables import utc
from feddmf_coordinator.settings import CoordinatorSettings
from feddmf_coordinator.store.catalogues import Published, list_versions
from feddmf_coordinator.store.certificates import CertificateRecord, last_certificates
from feddmf_coordinator.store.enrolment import PartyRecord, list_parties
from feddmf_coordinator.store.renewals import Renewal, last_renewals
from feddmf_coordinator.store.sightings import GONE_AFTER, Sighting, list_sightings
from feddmf_coordinator.witnessed import LedgerEnd

__all__ = ["Need", "PartyOverview", "Standing", "is_serving", "needs_of_record", "overview_of_parties"]

_SOON = timedelta(days=14)


class Standing(enum.StrEnum):
    """Where a party stands."""

    ENROLLED = "enrolled"
    WAITS = "waits for approval"
    INVITED = "invited"
    ENDED = "certificate ended"
    REVOKED = "revoked"
    NONE = "no certificate"


@dataclass(frozen=True)
class Need:
    """What the operator should know of a party, and what to do; urgent: it cannot be in a run until then."""

    text: str
    hint: str
    urgent: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"text": self.text, "hint": self.hint, "urgent": self.urgent}


@dataclass(frozen=True)
class PartyOverview:
    """A party at one moment.

    online: None where nobody can know, since no coordinator serves; certificate_until: of one that has ended
    too; accepted: the newest catalogue version that it has accepted, 0 for none; ledger: where it ended when
    the coordinator last heard of it.
    """

    party: str
    standing: Standing
    online: bool | None
    seen: Sighting | None
    certificate_until: datetime | None
    key_fingerprint: str | None
    invited_until: datetime | None
    renewal: Renewal | None
    accepted: int
    ledger: LedgerEnd | None
    needs: tuple[Need, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        seen, ledger, renewal = self.seen, self.ledger, self.renewal
        return {
            "party": self.party,
            "standing": self.standing.value,
            "online": self.online,
            "since": seen and seen.since.isoformat(),
            "seen_at": seen and seen.seen_at.isoformat(),
            "software": (seen and seen.software) or None,
            "certificate_until": self.certificate_until and self.certificate_until.isoformat(),
            "waits_for_approval": self.key_fingerprint,
            "invited_until": self.invited_until and self.invited_until.isoformat(),
            "renewal": renewal and renewal.status,
            "catalogue_accepted": self.accepted or None,
            "ledger_records": ledger and ledger.length,
            "ledger_head": ledger and ledger.head,
            "ledger_witnessed_at": ledger and ledger.at.isoformat(),
            "needs": [each.as_dict() for each in self.needs],
        }


def overview_of_parties(
    connection: Connection, ledgers: Mapping[str, LedgerEnd], *, serving: bool, now: datetime
) -> tuple[PartyOverview, ...]:
    """Return every party, by id; ledgers: as `LedgerEnds` has them; serving: whether a coordinator serves."""
    known = _Known(
        sightings=list_sightings(connection),
        renewals=last_renewals(connection),
        versions=list_versions(connection),
        certificates=last_certificates(connection),
        ledgers=ledgers,
        serving=serving,
        now=now,
    )
    return tuple(known.of(record) for record in list_parties(connection, now=now))


def is_serving(settings: CoordinatorSettings) -> bool:
    """Tell whether something answers on the federation port, looked at from this machine."""
    host = "127.0.0.1" if settings.listen == "0.0.0.0" else settings.listen  # noqa: S104
    try:
        with socket.create_connection((host, settings.port), timeout=1):
            return True
    except OSError:
        return False


def needs_of_record(party: PartyRecord, now: datetime, last: CertificateRecord | None = None) -> Need | None:
    """Return what a party's enrolment needs of the operator, if anything.

    last: the certificate that it had last, where it is known.
    """
    again = f"invite it again: feddmf coordinator invite {party.party}"
    if party.request_fingerprint:
        return Need(
            f"{party.party} waits for approval; its key is {party.request_fingerprint}",
            f"compare that with what {party.party} reads out, then: feddmf coordinator approve {party.party}",
        )
    if party.certificate_until is None:
        if party.invited_until is not None:
            return Need(
                f"{party.party} is invited until {utc(party.invited_until)} and has not enrolled",
                f"send it its invitation file; where that is lost, {again}",
            )
        if last is not None and last.active:
            return Need(
                f"the certificate of {party.party} ended on {utc(last.not_after)}: it is let in no more",
                again,
            )
        return Need(f"{party.party} has neither a certificate that holds nor an open invitation", again)
    if party.certificate_until - now < _SOON:
        return Need(
            f"the certificate of {party.party} ends on {utc(party.certificate_until)}",
            f"its node renews it while it runs and `feddmf coordinator renewals` signs; else {again}",
            urgent=False,
        )
    return None


@dataclass(frozen=True)
class _Known:
    """What is known of all parties at one moment."""

    sightings: Mapping[str, Sighting]
    renewals: Mapping[str, Renewal]
    versions: tuple[Published, ...]
    certificates: Mapping[str, CertificateRecord]
    ledgers: Mapping[str, LedgerEnd]
    serving: bool
    now: datetime

    def of(self, record: PartyRecord) -> PartyOverview:
        party = record.party
        seen, last = self.sightings.get(party), self.certificates.get(party)
        return PartyOverview(
            party=party,
            standing=_standing(record, last),
            online=self._is_online(seen) if self.serving else None,
            seen=seen,
            certificate_until=record.certificate_until or (last.not_after if last else None),
            key_fingerprint=record.request_fingerprint,
            invited_until=record.invited_until,
            renewal=self.renewals.get(party),
            accepted=max((each.version for each in self.versions if party in each.accepted), default=0),
            ledger=self.ledgers.get(party),
            needs=tuple(need for need in self._needs(record) if need is not None),
        )

    def _needs(self, record: PartyRecord) -> Iterator[Need | None]:
        party = record.party
        seen = self.sightings.get(party)
        yield needs_of_record(record, self.now, self.certificates.get(party))
        if record.certificate_until is None:
            return
        yield _unaccepted(party, self.versions)
        yield _unrenewed(party, self.renewals.get(party))
        if self.serving and not self._is_online(seen):
            yield _away(party, seen)
        yield _other_software(party, seen)

    def _is_online(self, seen: Sighting | None) -> bool:
        return seen is not None and self.now - seen.seen_at < GONE_AFTER


def _standing(record: PartyRecord, last: CertificateRecord | None) -> Standing:
    if record.request_fingerprint:
        return Standing.WAITS
    if record.certificate_until is not None:
        return Standing.ENROLLED
    if record.invited_until is not None:
        return Standing.INVITED
    if last is None:
        return Standing.NONE
    return Standing.ENDED if last.active else Standing.REVOKED


def _unaccepted(party: str, versions: tuple[Published, ...]) -> Need | None:
    if not versions or party in versions[-1].accepted:
        return None
    return Need(
        f"{party} did not accept catalogue version {versions[-1].version}, and so cannot be in a run",
        f"ask {party} to run: feddmf catalog accept",
    )


def _unrenewed(party: str, renewal: Renewal | None) -> Need | None:
    if renewal is None or renewal.status == "signed":
        return None
    if renewal.status == "refused":
        return Need(
            f"the renewal of {party} was refused: {renewal.reason}",
            f"invite it again before its certificate ends: feddmf coordinator invite {party}",
        )
    return Need(
        f"the next certificate of {party} waits to be signed since {utc(renewal.asked_at)}",
        "sign it: feddmf coordinator renewals --once; as a service, it signs by itself",
        urgent=False,
    )


def _away(party: str, seen: Sighting | None) -> Need:
    when = "has not been heard from yet" if seen is None else f"was last heard from {utc(seen.seen_at)}"
    return Need(
        f"{party} {when}: its node is not running, or cannot reach this coordinator",
        f"ask {party} to run feddmf doctor, and to start its node: feddmf party start",
    )


def _other_software(party: str, seen: Sighting | None) -> Need | None:
    own = version("feddmf")
    if seen is None or seen.software in ("", own):
        return None
    return Need(
        f"{party} runs feddmf {seen.software}, this coordinator {own}",
        "nothing to do while they understand each other; upgrade the older one when it suits",
        urgent=False,
    )
